#include <cstdio>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "launch/checkpoint/checkpoint_source.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/report/score_table.h"
#include "launch/run_directory.h"
#include "worker/local_evaluation.h"

namespace caravan::launch {
namespace {

absl::Status RunEvaluate(const CommandLine&) {
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory directory, RunDirectory::At(FLAGS_run));
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec run, LoadRunSpec(directory));
  CARAVAN_ASSIGN_OR_RETURN(const uint64_t number, CheckpointNumber(directory, FLAGS_checkpoint));
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<ps::CheckpointReader> reader,
                           OpenCheckpoint(directory, run, number));
  CheckpointSource source(std::move(reader));
  CARAVAN_ASSIGN_OR_RETURN(
      const model::Metrics metrics,
      worker::EvaluateSplit(
          {.run = &run, .data_directory = run.data_directory(), .split = FLAGS_split}, source));
  const ScoreTable table = MakeScoreTable(run.schema(), metrics);
  if (FLAGS_json) {
    fmt::print("{}\n", ScoreJson(table));
  } else {
    fmt::print("{} of {}, checkpoint {}\n\n{}", FLAGS_split, run.job().name(), number,
               ScoreText(table));
  }
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kEvaluateCommand = {
    .name = "evaluate",
    .summary = "scores a run's checkpoint on a split: NMAE and SMAPE by task and scenario",
    .usage = "--run=DIR [--split=test] [--checkpoint=latest|best|N] [--json]",
    .example = "caravan evaluate --run=runs/us_flights --split=test",
    .flags = "run split checkpoint json",
    .run = RunEvaluate,
};

}  // namespace caravan::launch
