// How fast this machine runs a graph, beside what it could do.
#ifndef CARAVAN_LAUNCH_BENCH_MODEL_BENCH_H_
#define CARAVAN_LAUNCH_BENCH_MODEL_BENCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "model/graph.h"

namespace caravan::launch {

struct ModelBenchOptions {
  uint32_t batch = 256;
  uint32_t threads = 1;
  uint32_t distinct_attributes = 0;  // distinct (S, A) in a batch; 0: every sample its own
  uint32_t rows_per_table = 256;     // unique rows of a table in a batch
  double seconds = 2;                // measured for so long, forward and whole step each
  conf::Precision compute = conf::FLOAT32;
};

// An op's share of a step.
struct OpFigures {
  std::string name;
  double forward_ms = 0;
  double backward_ms = 0;
  double gflop_per_s = 0;  // of both; 0 where it has no products
};

struct ModelBenchFigures {
  double samples_per_s = 0;          // whole step: forward, loss, backward
  double forward_samples_per_s = 0;  // forward alone
  double gflop_per_s = 0;            // of the whole step's products
  // Of a large product on each thread at once, added up: the best of the run; and the median of
  // those that were run between the steps, under the same conditions as these.
  double gemm_peak_gflop_per_s = 0;
  double gemm_beside_gflop_per_s = 0;
  double gemm_peak_share = 0;
  double gemm_beside_share = 0;
  double step_mflop_per_sample = 0;
  double forward_mflop_per_sample = 0;
  uint64_t workspace_bytes = 0;
  uint64_t forward_workspace_bytes = 0;  // of an executor that only evaluates
  uint64_t peak_rss_bytes = 0;           // of the process
  uint64_t parameters = 0;               // dense
  std::string kernels;                   // their name
  std::vector<OpFigures> ops;            // with one thread; in the order in which they run
};

// On random inputs. Medians over the steps of `seconds`, after one step to warm up. With one thread
// in its processor time, so that other work on the machine counts as little as it can; else in
// elapsed time.
absl::StatusOr<ModelBenchFigures> BenchModel(const model::Graph& graph,
                                             const ModelBenchOptions& options);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_BENCH_MODEL_BENCH_H_
