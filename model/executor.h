// Runs a graph on batches: forward, loss, backward, in one arena planned for the largest batch.
#ifndef CARAVAN_MODEL_EXECUTOR_H_
#define CARAVAN_MODEL_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "model/frame.h"
#include "model/graph.h"
#include "model/graph_runner.h"

namespace caravan::model {

// See model/frame.h for its fields.
using ExecutorInput = GraphInput<float>;

struct ExecutorOutput {
  std::span<const float> predictions;  // [B, m]: y_hat (a rate, or a probability)
  // Σ_t λ_t mean_b, or Dispersions::loss in place of the mean where a task is weighted by its
  // dispersion; without L2 and the factors of scenarios.
  double loss = 0;
  std::vector<double> task_losses;  // mean over the batch, without λ
};

// Owned and called by one thread; with threads > 1 it splits a batch over its own threads. Spans it
// returns live until the next call.
class Executor {
 public:
  // `purpose` kEvaluate: for Forward alone, in less memory.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(
      const Graph& graph, uint32_t batch_max, uint32_t threads,
      RunnerPurpose purpose = RunnerPurpose::kTrain,
      const KernelSet<float>& kernels = BestKernels<float>());
  virtual ~Executor() = default;

  virtual ExecutorOutput Forward(const ExecutorInput& input) = 0;
  // Forward, then gradients of the loss. dense_gradient: flat, overwritten. row_gradients: by
  // table, [u, width], overwritten.
  virtual ExecutorOutput ForwardBackward(const ExecutorInput& input,
                                         std::span<float> dense_gradient,
                                         std::span<const std::span<float>> row_gradients) = 0;

  // From here on adds to `times`, which outlives the executor. Of the caller's own thread.
  virtual void RecordTimes(OpTimes& times) = 0;

  virtual uint64_t workspace_bytes() const = 0;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_EXECUTOR_H_
