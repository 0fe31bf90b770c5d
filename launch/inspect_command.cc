#include <gflags/gflags.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "data/block_plan.h"
#include "data/calendar.h"
#include "data/inspect.h"
#include "data/locality.h"
#include "launch/checkpoint/checkpoint_text.h"
#include "launch/commands.h"
#include "launch/export/export_text.h"
#include "launch/export/vocabulary.h"
#include "launch/flags.h"
#include "launch/run_directory.h"
#include "launch/sample_table.h"
#include "ps/checkpoint_summary.h"

DEFINE_uint32(distinct_of, 0,
              "of an imported folder: how many distinct (scenario, profile) rows a training batch "
              "of so many samples has");

namespace caravan::launch {
namespace {

using Json = nlohmann::ordered_json;

Json FolderJson(const conf::Schema& schema) {
  Json json = {{"kind", "imported folder"},
               {"name", schema.name()},
               {"samples", SampleCounts(schema)},
               {"history_days", schema.history_days()},
               {"horizon_days", schema.horizon_days()},
               {"entities", schema.entities()},
               {"data_fingerprint", fmt::format("{:016x}", schema.data_fingerprint())}};
  json["fields"] = Json::array();
  for (const conf::Field& field : schema.fields()) {
    json["fields"].push_back({{"name", field.name()},
                              {"group", GroupName(field.group())},
                              {"first_key", field.first_key()},
                              {"values", field.values()}});
  }
  json["tasks"] = Json::array();
  for (const conf::TaskSchema& task : schema.tasks()) {
    json["tasks"].push_back({{"name", task.name()}, {"training_mean", task.training_mean()}});
  }
  json["dense"] = schema.dense_names();
  json["files"] = Json::array();
  for (const conf::SplitSchema& split : schema.splits()) {
    for (const conf::SplitFile& file : split.files()) {
      json["files"].push_back({{"file", file.file()},
                               {"split", split.name()},
                               {"samples", file.samples()},
                               {"bytes", file.bytes()},
                               {"xxh3", fmt::format("{:016x}", file.checksum())}});
    }
  }
  return json;
}

void PrintFolder(const conf::Schema& schema) {
  fmt::print(
      "{}: imported folder, every file whole; {} entities, {} days of history, horizon {}\n\n",
      schema.name(), schema.entities(), schema.history_days(), schema.horizon_days());
  fmt::print("{}\n", SampleTable(schema));
  fmt::print("{:<40}{:>10}{:>12}\n", "field", "values", "first key");
  for (const conf::Field& field : schema.fields()) {
    fmt::print("{:<40}{:>10}{:>12}\n", field.name(), field.values(), field.first_key());
  }
  fmt::print("\n{:<40}{:>22}\n", "task", "mean of training");
  for (const conf::TaskSchema& task : schema.tasks()) {
    fmt::print("{:<40}{:>22.6g}\n", task.name(), task.training_mean());
  }
  fmt::print("\n{} dense features\n\n{:<40}{:>10}{:>12}\n", schema.dense_names_size(), "file",
             "samples", "bytes");
  for (const conf::SplitSchema& split : schema.splits()) {
    for (const conf::SplitFile& file : split.files()) {
      fmt::print("{:<40}{:>10}{:>12}\n", file.file(), file.samples(), file.bytes());
    }
  }
}

struct ColumnSize {
  uint64_t stored_bytes = 0;
  uint64_t raw_bytes = 0;
};
ColumnSize SizeOf(const data::format::Column& column) {
  ColumnSize size;
  for (const data::format::Block& block : column.blocks()) {
    size.stored_bytes += block.stored_bytes();
    size.raw_bytes += block.raw_bytes();
  }
  return size;
}

Json FileJson(const data::format::Index& index) {
  Json json = {{"kind", "sample file"},
               {"split", index.split()},
               {"first_day", data::FormatDate(index.first_day())},
               {"entities", index.entities()},
               {"series", index.series()},
               {"rows", index.rows()},
               {"samples", index.samples()},
               {"scenario_samples", index.scenario_samples()}};
  json["columns"] = Json::array();
  for (const data::format::Column& column : index.columns()) {
    const ColumnSize size = SizeOf(column);
    json["columns"].push_back({{"name", column.name()},
                               {"elements", column.elements()},
                               {"element_bytes", column.element_bytes()},
                               {"blocks", column.blocks_size()},
                               {"raw_bytes", size.raw_bytes},
                               {"stored_bytes", size.stored_bytes}});
  }
  return json;
}

void PrintFile(const std::string& path, const data::format::Index& index) {
  fmt::print("{}: sample file of split {}, whole; days from {} on\n", path, index.split(),
             data::FormatDate(index.first_day()));
  fmt::print("{} entities, {} series, {} rows, {} samples\n\n", index.entities(), index.series(),
             index.rows(), index.samples());
  fmt::print("{:<40}{:>10}{:>7}{:>8}{:>12}{:>12}\n", "column", "elements", "bytes", "blocks", "raw",
             "stored");
  for (const data::format::Column& column : index.columns()) {
    const ColumnSize size = SizeOf(column);
    fmt::print("{:<40}{:>10}{:>7}{:>8}{:>12}{:>12}\n", column.name(), column.elements(),
               column.element_bytes(), column.blocks_size(), size.raw_bytes, size.stored_bytes);
  }
}

// How many distinct (scenario, profile) rows a training batch has, as it is cut for the default
// cluster, without data.batch_locality and with it.
absl::Status PrintDistinctRows(const std::string& path, const conf::Schema& schema) {
  conf::Job job;
  job.mutable_training()->set_batch_size(FLAGS_distinct_of);
  Json json;
  for (const bool locality : {false, true}) {
    job.mutable_data()->set_batch_locality(locality);
    CARAVAN_ASSIGN_OR_RETURN(
        const data::DistinctRows rows,
        data::CountDistinctRows(path, schema, "train", data::MakeBlockPlan(job, schema)));
    json.push_back({{"batch_locality", locality},
                    {"batches", rows.batches},
                    {"mean", rows.mean},
                    {"least", rows.least},
                    {"most", rows.most}});
    if (FLAGS_json) continue;
    fmt::print(
        "{} full batches of {}, {} batch_locality: {:.1f} distinct (scenario, profile) rows "
        "a batch, {} to {}\n",
        rows.batches, FLAGS_distinct_of, locality ? "with" : "without", rows.mean, rows.least,
        rows.most);
  }
  if (FLAGS_json) fmt::print("{}\n", json.dump());
  return absl::OkStatus();
}

absl::Status InspectFolder(const std::string& path) {
  CARAVAN_ASSIGN_OR_RETURN(const conf::Schema schema, data::InspectImportedFolder(path));
  if (FLAGS_distinct_of > 0) return PrintDistinctRows(path, schema);
  if (FLAGS_json) {
    fmt::print("{}\n", FolderJson(schema).dump());
  } else {
    PrintFolder(schema);
  }
  return absl::OkStatus();
}

absl::Status InspectFile(const std::string& path) {
  CARAVAN_ASSIGN_OR_RETURN(const data::format::Index index, data::InspectSampleFile(path));
  if (FLAGS_json) {
    fmt::print("{}\n", FileJson(index).dump());
  } else {
    PrintFile(path, index);
  }
  return absl::OkStatus();
}

absl::Status InspectCheckpoint(const std::string& path) {
  CARAVAN_ASSIGN_OR_RETURN(const ps::CheckpointSummary summary, ps::SummariseCheckpoint(path));
  // It lies in RUN/checkpoints/NNNNNN; one that was copied elsewhere is told of without names.
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunDirectory::At(path + "/../.."));
  const absl::StatusOr<conf::RunSpec> spec = LoadRunSpec(run);
  const conf::RunSpec* names =
      spec.ok() && spec->run_id() == summary.manifest.run_id() ? &*spec : nullptr;
  if (FLAGS_json) {
    fmt::print("{}\n", CheckpointJson(summary, names).dump());
  } else {
    fmt::print("{}", CheckpointText(path, summary, names));
  }
  return absl::OkStatus();
}

absl::Status InspectExportFolder(const std::string& path) {
  CARAVAN_ASSIGN_OR_RETURN(const Json summary, InspectExport(path));
  if (FLAGS_json) {
    fmt::print("{}\n", summary.dump());
  } else {
    fmt::print("{}", ExportText(path, summary));
  }
  return absl::OkStatus();
}

absl::Status RunInspect(const CommandLine& line) {
  if (line.arguments.size() != 1) return absl::InvalidArgumentError("one PATH is needed");
  const std::string& path = line.arguments.front();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(fmt::format("{} does not exist", path));
  }
  if (data::IsImportedFolder(path)) return InspectFolder(path);
  if (data::IsSampleFile(path)) return InspectFile(path);
  if (IsCheckpoint(path)) return InspectCheckpoint(path);
  if (IsExport(path)) return InspectExportFolder(path);
  return absl::InvalidArgumentError(fmt::format(
      "{} is none of these: an imported folder (has schema.txtpb), a sample file, a "
      "checkpoint (RUN/checkpoints/NNNNNN, has MANIFEST), an export (has manifest.json)",
      path));
}

}  // namespace

extern constexpr Command kInspectCommand = {
    .name = "inspect",
    .summary = "says what imported data, a checkpoint or an export holds, and that it is whole",
    .usage = "PATH [--distinct_of=BATCH] [--json]",
    .example = "caravan inspect runs/us_flights/data --json",
    .flags = "distinct_of json",
    .run = RunInspect,
};

}  // namespace caravan::launch
