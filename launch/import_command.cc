#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "conf/job_loader.h"
#include "data/calendar.h"
#include "data/import.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/sample_table.h"

namespace caravan::launch {
namespace {

// One line that renews itself on a terminal; a line every tenth of a stage elsewhere.
class ProgressLine {
 public:
  ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

  void Show(const data::ImportProgress& progress) {
    const auto percent = static_cast<int>(progress.fraction * 100);
    const bool another_stage = progress.stage != stage_;
    if (another_stage) Close();
    if (terminal_) {
      if (!another_stage && percent == percent_) return;
      fmt::print(stderr, "\r{}", Text(progress, percent));
      std::fflush(stderr);
      open_ = true;
    } else {
      if (!another_stage && percent / 10 == percent_ / 10) return;
      fmt::print(stderr, "{}\n", Text(progress, percent));
    }
    stage_ = progress.stage;
    percent_ = percent;
  }

  void Close() {
    if (open_) fmt::print(stderr, "\n");
    open_ = false;
    percent_ = 0;
  }

 private:
  static std::string Text(const data::ImportProgress& progress, int percent) {
    switch (progress.stage) {
      case data::ImportProgress::Stage::kRead:
        return fmt::format("reading   {:>3} %  {} rows", percent, progress.rows);
      case data::ImportProgress::Stage::kLearn:
        return fmt::format("learning  {:>3} %", percent);
      case data::ImportProgress::Stage::kWrite:
        return fmt::format("writing   {:>3} %", percent);
    }
    return "";
  }

  const bool terminal_;
  bool open_ = false;
  data::ImportProgress::Stage stage_ = data::ImportProgress::Stage::kRead;
  int percent_ = 0;
};

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
  absl::StatusOr<data::ImportReport> report =
      data::Import(job, FLAGS_out, [&](const data::ImportProgress& now) { progress.Show(now); });
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
