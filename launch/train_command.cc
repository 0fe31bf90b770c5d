#include "launch/commands.h"
#include "launch/flags.h"

namespace caravan::launch {
namespace {

absl::Status RunTrain(const CommandLine&) {
  if (FLAGS_job.empty()) return absl::InvalidArgumentError("--job=FILE is needed");
  return absl::UnimplementedError("the launcher is not there yet");
}

}  // namespace

extern constexpr Command kTrainCommand = {
    .name = "train",
    .summary = "trains a job: starts scheduler, servers and workers, evaluates, checkpoints",
    .usage = "--job=FILE --run=DIR [--data=DIR] [--set=FIELD=VALUE ...]",
    .example = "caravan train --job=conf/us_flights/job.txtpb --run=runs/us_flights",
    .flags = "job run data set",
    .run = RunTrain,
};

}  // namespace caravan::launch
