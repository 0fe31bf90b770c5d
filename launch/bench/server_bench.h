// How fast a lane answers through a real socket: one lane, one client, pulls and pushes of random
// sets of keys one after another. What the push log costs is measured against a lane without one,
// in turns, so that both see the same machine.
#ifndef CARAVAN_LAUNCH_BENCH_SERVER_BENCH_H_
#define CARAVAN_LAUNCH_BENCH_SERVER_BENCH_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "launch/bench/bench_lane.h"

namespace caravan::launch {

struct ServerBenchFigures {
  double pull_keys_per_s = 0;
  double push_keys_per_s = 0;
  double pull_p50_us = 0;
  double pull_p99_us = 0;
  double push_p50_us = 0;
  double push_p99_us = 0;
  uint64_t rows = 0;
  uint64_t resident_bytes = 0;  // of the lane
  // Pushes of a lane without a log, where there is one.
  double unlogged_push_keys_per_s = 0;
  // Processor time of the lane's thread a push, with its log and without; the share of it that the
  // log takes is the share of push throughput that a busy lane loses.
  double push_lane_us = 0;
  double unlogged_push_lane_us = 0;
  double log_cost = 0;
  // From the end of the lane to when it serves again, from its images and log.
  double recovery_s = 0;
};

// Its socket and database lie in a folder below /tmp, which is removed.
absl::StatusOr<ServerBenchFigures> MeasureServer(const ServerBenchOptions& options);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_BENCH_SERVER_BENCH_H_
