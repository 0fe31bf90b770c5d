// How long pulls and pushes wait while a checkpoint is written, and how long without: requests come
// at fixed times, at a share of what the lane can take, whether it answers or not, and each wait
// counts from the time at which its request was to come (so that a lane that stands still is
// charged for all who would have asked meanwhile). Rounds without and with a checkpoint take turns.
#ifndef CARAVAN_LAUNCH_BENCH_CHECKPOINT_BENCH_H_
#define CARAVAN_LAUNCH_BENCH_CHECKPOINT_BENCH_H_

#include <vector>

#include "absl/status/statusor.h"
#include "launch/bench/bench_lane.h"

namespace caravan::launch {

struct WaitFigures {
  double seconds = 0;
  Timing pulls;
  Timing pushes;
};

struct CheckpointBenchFigures {
  double capacity_per_s = 0;  // requests, pulls and pushes in turn, one after another
  double load_per_s = 0;      // requests that came
  WaitFigures quiet;          // all rounds together
  WaitFigures checkpoint;
  // Medians over the rounds of p99 with a checkpoint less p99 without.
  double pull_added_p99_us = 0;
  double push_added_p99_us = 0;
};

// `load`: the share of the capacity. Rows change all over the table; the first round's checkpoint
// is of the whole table, those that follow are of what changed.
absl::StatusOr<CheckpointBenchFigures> MeasureCheckpointWaits(const ServerBenchOptions& options,
                                                              double load, int rounds);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_BENCH_CHECKPOINT_BENCH_H_
