// Runs a graph, or its part of a batch, on the calling thread. One arena holds all that is
// computed: values and what ops keep from forward to backward for as long as the runner lives,
// gradients only from their first reader to their last writer, scratch for one op at a time.
#ifndef CARAVAN_MODEL_GRAPH_RUNNER_H_
#define CARAVAN_MODEL_GRAPH_RUNNER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/frame.h"
#include "model/graph.h"
#include "model/kernels/kernels.h"
#include "model/lane_plan.h"

namespace caravan::model {

// Samples of the input that a runner takes. The loss is a mean over the whole input's batch.
struct SampleRange {
  uint32_t first = 0;
  uint32_t count = 0;
};

// Owned and called by one thread. The graph outlives it. Allocates nothing after its constructor.
// T: float, or double for finite differences.
template <typename T>
class GraphRunner {
 public:
  GraphRunner(const Graph& graph, uint32_t samples_max,
              const KernelSet<T>& kernels = BestKernels<T>());

  // Ops that need labels run only where the input has them. range.count <= samples_max.
  void Forward(const GraphInput<T>& input, SampleRange range);
  // After Forward with the same, still living input: adds to `parameter_gradient` (flat) and
  // `row_gradients` (by table), or overwrites what ops say. `turn`: of this part of a batch whose
  // parts share these; null where it is the only one.
  void Backward(std::span<T> parameter_gradient, std::span<const std::span<T>> row_gradients,
                PartTurn* turn = nullptr);

  // Zeroes the gradients that are not overwritten, before the first part's Backward.
  void ZeroGradients(std::span<T> parameter_gradient,
                     std::span<const std::span<T>> row_gradients) const;

  // Of the last Forward: [count, m].
  std::span<const T> predictions() const { return frame_.Value(graph_.predictions()); }
  std::span<const T> losses() const { return frame_.Value(graph_.losses()); }
  std::span<const T> Value(ValueId id) const { return frame_.Value(id); }

  uint64_t arena_bytes() const { return arena_elements_ * sizeof(T); }

 private:
  struct OpPlan {
    uint64_t saved = 0;                   // offset of what the op keeps
    std::vector<ValueId> first_gradient;  // to be zeroed before the op's Backward
  };
  struct Free {
    void operator()(T* arena) const;
  };

  void Plan(uint32_t samples_max);
  void Enter(size_t op);
  void FindSharedLanes();

  const Graph& graph_;
  std::vector<OpPlan> plans_;      // by op
  std::vector<bool> overwritten_;  // by parameter
  uint64_t scratch_offset_ = 0;
  uint64_t arena_elements_ = 0;
  uint32_t samples_max_ = 0;
  std::unique_ptr<T, Free> arena_;
  LanePlan lane_plan_;
  std::vector<uint32_t> attribute_fields_;
  std::vector<std::span<const uint32_t>> attribute_rows_;  // of the running batch, beside them
  Frame<T> frame_;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_GRAPH_RUNNER_H_
