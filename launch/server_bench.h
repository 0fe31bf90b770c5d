// How fast a lane answers through a real socket: one lane on a thread of its own, one client, pulls
// and pushes of random sets of keys one after another.
#ifndef CARAVAN_LAUNCH_SERVER_BENCH_H_
#define CARAVAN_LAUNCH_SERVER_BENCH_H_

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
};

// Its socket and database lie in a folder below /tmp, which is removed.
absl::StatusOr<ServerBenchFigures> MeasureServer(const ServerBenchOptions& options);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_SERVER_BENCH_H_
