#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "data/schema_file.h"
#include "launch/checkpoint_source.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/prediction_file.h"
#include "launch/run_directory.h"
#include "worker/local_evaluation.h"

DEFINE_string(input, "", "imported folder to predict; the run's own where empty");

namespace caravan::launch {
namespace {

std::string FieldsText(const conf::Schema& schema) {
  std::string text;
  for (const conf::Field& field : schema.fields()) text += field.SerializeAsString();
  return text;
}

// Value ids mean the same only if both imports learned the same buckets and categories.
absl::Status CheckSameFields(const conf::Schema& run, const conf::Schema& input,
                             const std::string& directory) {
  const bool same =
      FieldsText(run) == FieldsText(input) && run.history_days() == input.history_days() &&
      run.scenarios_size() == input.scenarios_size() && run.tasks_size() == input.tasks_size();
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("--input={}: its fields, buckets or categories are not those that the run was "
                  "trained with",
                  directory));
}

absl::Status RunPredict(const CommandLine&) {
  if (FLAGS_out.empty()) return absl::InvalidArgumentError("--out=FILE.csv is needed");
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory directory, RunDirectory::At(FLAGS_run));
  CARAVAN_ASSIGN_OR_RETURN(conf::RunSpec run, LoadRunSpec(directory));
  std::string data_directory = run.data_directory();
  if (!FLAGS_input.empty()) {
    data_directory = FLAGS_input;
    CARAVAN_ASSIGN_OR_RETURN(const conf::Schema input, data::LoadSchema(data_directory));
    CARAVAN_RETURN_IF_ERROR(CheckSameFields(run.schema(), input, data_directory));
    // Only the splits are the input's: training means are part of the model.
    *run.mutable_schema()->mutable_splits() = input.splits();
    *run.mutable_schema()->mutable_scenarios() = input.scenarios();
  }
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<ps::CheckpointReader> reader,
                           OpenCheckpoint(directory, run, FLAGS_checkpoint));
  CheckpointSource source(std::move(reader));
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<PredictionFile> file,
                           PredictionFile::Create(FLAGS_out, run.schema()));
  CARAVAN_RETURN_IF_ERROR(worker::PredictSplit(
      {.run = &run, .data_directory = data_directory, .split = FLAGS_split}, source,
      [&file](const data::Batch& batch, const data::SampleReader& samples,
              std::span<const float> predictions) {
        return file->Write(batch, samples, predictions);
      }));
  CARAVAN_RETURN_IF_ERROR(file->Finish());
  fmt::print("{} predictions written to {}\n", file->lines(), FLAGS_out);
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kPredictCommand = {
    .name = "predict",
    .summary = "writes predictions for every sample of a split as CSV",
    .usage = "--run=DIR --out=FILE.csv [--split=test] [--input=DIR] [--checkpoint=latest|N]",
    .example = "caravan predict --run=runs/us_flights --split=test --out=predictions.csv",
    .flags = "run out split input checkpoint",
    .run = RunPredict,
};

}  // namespace caravan::launch
