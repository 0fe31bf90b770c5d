#include <fmt/format.h>

#include <optional>

#include "base/status_macros.h"
#include "conf/job_loader.h"
#include "data/calendar.h"
#include "data/import.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/progress_line.h"
#include "launch/sample_table.h"

namespace caravan::launch {
namespace {

void ShowProgress(const data::ImportProgress& now, ProgressLine& line) {
  switch (now.stage) {
    case data::ImportProgress::Stage::kRead:
      return line.Show("reading", now.fraction, now.rows);
    case data::ImportProgress::Stage::kLearn:
      return line.Show("learning", now.fraction, std::nullopt);
    case data::ImportProgress::Stage::kWrite:
      return line.Show("writing", now.fraction, std::nullopt);
  }
}

void PrintSummary(const data::ImportReport& report) {
  uint64_t bytes = 0;
  int files = 0;
  for (const conf::SplitSchema& split : report.schema.splits()) {
    files += split.files_size();
    for (const conf::SplitFile& file : split.files()) bytes += file.bytes();
  }
  fmt::print("{}: {} rows of {} entities, {} to {}, in {:.1f} s\n\n", report.schema.name(),
             report.rows, report.entities, data::FormatDate(report.first_day),
             data::FormatDate(report.last_day), report.seconds);
  fmt::print("{}\n", SampleTable(report.schema));
  fmt::print("{} fields, {} dense features, {} tasks; {} sample files, {:.1f} MB, in {}\n",
             report.schema.fields_size(), report.schema.dense_names_size(),
             report.schema.tasks_size(), files, static_cast<double>(bytes) / 1e6, FLAGS_out);
  if (report.without_profile > 0) {
    fmt::print("warning: {} entities are not in the entities file; their profile is missing\n",
               report.without_profile);
  }
  if (report.missing_cells > 0) {
    fmt::print("{} empty cells of daily columns count as missing values\n", report.missing_cells);
  }
}

absl::Status RunImport(const CommandLine& line) {
  if (FLAGS_job.empty()) return absl::InvalidArgumentError("--job=FILE is needed");
  if (FLAGS_out.empty()) return absl::InvalidArgumentError("--out=DIR is needed");
  if (!line.arguments.empty()) {
    return absl::InvalidArgumentError(fmt::format("what is '{}'?", line.arguments.front()));
  }
  CARAVAN_ASSIGN_OR_RETURN(const conf::Job job,
                           conf::LoadJob(FLAGS_job, WithFlags(line.overrides)));
  ProgressLine progress;
  absl::StatusOr<data::ImportReport> report = data::Import(
      job, FLAGS_out, [&](const data::ImportProgress& now) { ShowProgress(now, progress); });
  progress.Close();
  CARAVAN_RETURN_IF_ERROR(report.status());
  PrintSummary(*report);
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kImportCommand = {
    .name = "import",
    .summary = "raw daily tables to sample files: discretised, split by time",
    .usage = "--job=FILE --out=DIR [--set=FIELD=VALUE ...]",
    .example = "caravan import --job=conf/us_flights/job.txtpb --out=runs/us_flights/data",
    .flags = "job out hold_out_scenario keep_fraction set",
    .run = RunImport,
};

}  // namespace caravan::launch
