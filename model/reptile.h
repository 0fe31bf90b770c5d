// Reptile over scenarios (Nichol, Achiam, Schulman, "On First-Order Meta-Learning Algorithms",
// 2018, algorithm 2, its batched form): each scenario of a batch takes k steps of its own from the
// parameters theta that were pulled, and what is pushed is the mean way that they went,
//
//   theta_s,0 = theta,   theta_s,j = theta_s,j-1 - alpha grad L_s,j(theta_s,j-1),   j = 1 .. k
//   g = sum_s (n_s / B) (theta - theta_s,k) / (alpha k)
//     = sum_s (n_s / B) (1/k) sum_j grad L_s,j(theta_s,j-1)
//
// where L_s,j is the mean loss over the j-th of k parts of scenario s's samples. The servers'
// optimizer takes the outer step with g as it does with a gradient; with k = 1, g is the batch's
// gradient. A batch stays one push: nothing else of the training knows.
#ifndef CARAVAN_MODEL_REPTILE_H_
#define CARAVAN_MODEL_REPTILE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/executor.h"
#include "model/gathered_input.h"
#include "model/graph.h"

namespace caravan::model {

// Owned and called by one thread.
class Reptile {
 public:
  struct Options {
    uint32_t steps = 0;  // k, at least 1; of a scenario with fewer samples: as many as it has
    float rate = 0;      // alpha > 0
  };
  // Both outlive it.
  Reptile(const Options& options, const Graph& graph, Executor& executor);

  // As Executor::ForwardBackward, but that the gradients are g; `scenarios`: [B], of the samples.
  // The losses are the means over the samples of those that the steps saw. No predictions.
  ExecutorOutput ForwardBackward(const ExecutorInput& input, std::span<const uint32_t> scenarios,
                                 std::span<float> dense_gradient,
                                 std::span<const std::span<float>> row_gradients);

 private:
  // The parameters as the steps of one scenario leave them.
  void Begin(const ExecutorInput& input);
  ExecutorOutput Step(ExecutorInput& input, float share, std::span<float> dense_gradient,
                      std::span<const std::span<float>> row_gradients);

  const Options options_;
  const Graph& graph_;
  Executor& executor_;
  // Kept between calls for their memory.
  std::vector<std::vector<uint32_t>> samples_;  // by scenario
  std::vector<float> dense_;                    // theta_s,j
  std::vector<std::vector<float>> rows_;        // by table
  std::vector<float> dense_gradient_;
  std::vector<std::vector<float>> row_gradients_;  // by table
  GatheredInput gathered_;                         // the samples of a step
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_REPTILE_H_
