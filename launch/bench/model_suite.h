// The sizes at which docs/performance.md gives the speed of the nets, one after another.
#ifndef CARAVAN_LAUNCH_BENCH_MODEL_SUITE_H_
#define CARAVAN_LAUNCH_BENCH_MODEL_SUITE_H_

#include "absl/status/status.h"
#include "conf/job.pb.h"
#include "launch/bench/model_bench.h"

namespace caravan::launch {

// Prints a line of figures for each, as it is measured, or one of JSON: M2M at view widths 256 and
// 64, with meta units of each task and shared, with few distinct (S, A), with meta.rank, with two
// threads, and the other nets. What else is to be known is the job's; of `options` threads and
// distinct_attributes are the suite's own.
absl::Status RunModelSuite(const conf::Job& job, const ModelBenchOptions& options, bool json);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_BENCH_MODEL_SUITE_H_
