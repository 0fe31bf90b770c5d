// How fast a lane answers through a real socket: one lane on a thread of its own, one client, pulls
// and pushes of random sets of keys one after another. What the push log costs is measured against
// a lane without one, in turns, so that both see the same machine; what a checkpoint costs, against
// the same lane before it.
#ifndef CARAVAN_LAUNCH_BENCH_SERVER_BENCH_H_
#define CARAVAN_LAUNCH_BENCH_SERVER_BENCH_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"

namespace caravan::launch {

struct ServerBenchOptions {
  uint32_t keys = 10000;   // of a pull or push
  uint32_t width = 16;     // floats a row
  uint64_t rows = 300000;  // in the lane's table
  double seconds = 2;      // for pulls and for pushes each
  conf::Optimizer optimizer;
  conf::Durability durability = conf::PROCESS;
  bool checkpoint = false;  // measure while a checkpoint is written, too
};

// Pulls and pushes in turn, while a checkpoint is written or not.
struct MixedFigures {
  double seconds = 0;
  uint64_t requests = 0;  // pulls and pushes
  double pull_p99_us = 0;
  double push_p99_us = 0;
  double longest_us = 0;
};

struct ServerBenchFigures {
  double pull_keys_per_s = 0;
  double push_keys_per_s = 0;
  double pull_p50_us = 0;
  double pull_p99_us = 0;
  double push_p50_us = 0;
  double push_p99_us = 0;
  uint64_t rows = 0;
  uint64_t resident_bytes = 0;  // of the lane
  // Pushes of a lane without a log, where there is one; the share of its throughput that is lost.
  double unlogged_push_keys_per_s = 0;
  double log_cost = 0;
  MixedFigures quiet = {};              // with `checkpoint`: before
  MixedFigures checkpoint = {};         // while the first, whole one is written
  MixedFigures second_checkpoint = {};  // while the next one is
};

// Its socket and database lie in a folder below /tmp, which is removed.
absl::StatusOr<ServerBenchFigures> MeasureServer(const ServerBenchOptions& options);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_BENCH_SERVER_BENCH_H_
