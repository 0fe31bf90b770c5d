#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/status_macros.h"
#include "data/schema_file.h"
#include "launch/checkpoint/checkpoint_source.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/predict/candidates.h"
#include "launch/predict/prediction_file.h"
#include "launch/run_directory.h"
#include "worker/local_evaluation.h"

DEFINE_string(input, "", "imported folder to predict; the run's own where empty");
DEFINE_string(select, "",
              "lists the entities of which this is predicted, such as active_days<1.5; several "
              "conditions, parted by commas, must all hold");
DEFINE_string(scenario, "", "of --select: id of the one scenario to look at; empty: all");
DEFINE_uint32(top, 0, "of --select: how many at most; 0: all, on the terminal 20");

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

constexpr size_t kTopOnTerminal = 20;

// What is given each batch: its samples' names, and predictions [B, tasks].
using Sink = std::function<absl::Status(const data::Batch&, const data::SampleReader&,
                                        std::span<const float>)>;

absl::Status WriteAll(const conf::Schema& schema,
                      const std::function<absl::Status(const Sink&)>& predict) {
  if (FLAGS_out.empty()) {
    return absl::InvalidArgumentError("--out=FILE.csv or --select=TASK<NUMBER is needed");
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<PredictionFile> file,
                           PredictionFile::Create(FLAGS_out, schema));
  CARAVAN_RETURN_IF_ERROR(
      predict([&file](const data::Batch& batch, const data::SampleReader& samples,
                      std::span<const float> predictions) {
        return file->Write(batch, samples, predictions);
      }));
  CARAVAN_RETURN_IF_ERROR(file->Finish());
  fmt::print("{} predictions written to {}\n", file->lines(), FLAGS_out);
  return absl::OkStatus();
}

// The scenario that --scenario names; -1: none.
absl::StatusOr<int32_t> ChosenScenario(const conf::Schema& schema) {
  if (FLAGS_scenario.empty()) return -1;
  const auto found = std::ranges::find(schema.scenarios(), FLAGS_scenario);
  if (found != schema.scenarios().end()) {
    return static_cast<int32_t>(found - schema.scenarios().begin());
  }
  return absl::InvalidArgumentError(fmt::format("--scenario={}: the run has {}", FLAGS_scenario,
                                                fmt::join(schema.scenarios(), ", ")));
}

absl::Status WriteSelected(const conf::Schema& schema,
                           const std::function<absl::Status(const Sink&)>& predict) {
  CARAVAN_ASSIGN_OR_RETURN(std::vector<Condition> conditions,
                           ParseConditions(FLAGS_select, schema));
  CARAVAN_ASSIGN_OR_RETURN(const int32_t scenario, ChosenScenario(schema));
  Candidates candidates(std::move(conditions), scenario);
  const size_t tasks = static_cast<size_t>(schema.tasks_size());
  CARAVAN_RETURN_IF_ERROR(predict([&](const data::Batch& batch, const data::SampleReader& samples,
                                      std::span<const float> predictions) {
    for (uint32_t b = 0; b < batch.size; ++b) {
      candidates.Add(std::string(samples.EntityName(batch.entities[b])), batch.scenarios[b],
                     batch.anchor_days[b], predictions.subspan(b * tasks, tasks));
    }
    return absl::OkStatus();
  }));
  if (FLAGS_out.empty()) {
    const std::vector<Candidate> all = candidates.Best(0);
    const size_t shown = std::min(all.size(), FLAGS_top > 0 ? FLAGS_top : kTopOnTerminal);
    fmt::print("{}{} of {} candidates, of {} entities by scenario\n",
               CandidatesText(std::span(all).first(shown), schema), shown, all.size(),
               candidates.size());
    return absl::OkStatus();
  }
  const std::vector<Candidate> best = candidates.Best(FLAGS_top);
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(FLAGS_out, CandidatesCsv(best, schema)));
  fmt::print("{} candidates of {} entities by scenario written to {}\n", best.size(),
             candidates.size(), FLAGS_out);
  return absl::OkStatus();
}

absl::Status RunPredict(const CommandLine&) {
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
  CARAVAN_ASSIGN_OR_RETURN(const uint64_t number, CheckpointNumber(directory, FLAGS_checkpoint));
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<ps::CheckpointReader> reader,
                           OpenCheckpoint(directory, run, number));
  CheckpointSource source(std::move(reader));
  const auto predict = [&](const Sink& sink) {
    return worker::PredictSplit(
        {.run = &run, .data_directory = data_directory, .split = FLAGS_split}, source, sink);
  };
  return FLAGS_select.empty() ? WriteAll(run.schema(), predict)
                              : WriteSelected(run.schema(), predict);
}

}  // namespace

extern constexpr Command kPredictCommand = {
    .name = "predict",
    .summary =
        "writes predictions for every sample of a split as CSV, or lists whom to choose by them",
    .usage =
        "--run=DIR --out=FILE.csv [--split=test] [--input=DIR] [--checkpoint=latest|best|N]\n"
        "       caravan predict --run=DIR --select=CONDITION[,...] [--scenario=ID] [--top=N] "
        "[--out=FILE.csv] ...",
    .example = "caravan predict --run=runs/us_flights --split=test --out=predictions.csv",
    .flags = "run out split input checkpoint select scenario top",
    .run = RunPredict,
};

}  // namespace caravan::launch
