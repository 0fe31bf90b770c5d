// Runs a graph, or its part of a batch, on the calling thread. One arena holds all that is
// computed, each part of it only from its first writer to its last reader: a value and what an op
// keeps till the op's backward, a gradient from there to the value's, scratch for one op at a time.
#ifndef CARAVAN_MODEL_GRAPH_RUNNER_H_
#define CARAVAN_MODEL_GRAPH_RUNNER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/arena_plan.h"
#include "model/frame.h"
#include "model/graph.h"
#include "model/kernels/kernels.h"
#include "model/lane_plan.h"

namespace caravan::model {

// What a runner is for. One that only evaluates keeps nothing for a backward pass: a value's memory
// is another's once its last reader has run.
enum class RunnerPurpose : uint8_t { kTrain, kEvaluate };

// Processor time of the calling thread in each op, added up over calls.
struct OpTimes {
  std::vector<double> forward_s;  // by op of the graph
  std::vector<double> backward_s;
};

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
              RunnerPurpose purpose = RunnerPurpose::kTrain,
              const KernelSet<T>& kernels = BestKernels<T>());

  // Ops that need labels run only where the input has them. range.count <= samples_max.
  void Forward(const GraphInput<T>& input, SampleRange range);
  // Of a runner that trains, after Forward with the same, still living input: adds to
  // `parameter_gradient` (flat) and `row_gradients` (by table), or overwrites what ops say. `turn`:
  // of this part of a batch whose parts share these; null where it is the only one.
  // sample_factors: [count, m] or empty, see Frame; they live until it returns.
  void Backward(std::span<T> parameter_gradient, std::span<const std::span<T>> row_gradients,
                PartTurn* turn = nullptr, std::span<const T> sample_factors = {});

  // Zeroes the gradients that are not overwritten, before the first part's Backward.
  void ZeroGradients(std::span<T> parameter_gradient,
                     std::span<const std::span<T>> row_gradients) const;

  // From here on adds to `times`, which outlives the runner.
  void RecordTimes(OpTimes& times);

  // Of the last Forward: [count, m].
  std::span<const T> predictions() const { return frame_.Value(graph_.predictions()); }
  std::span<const T> losses() const { return frame_.Value(graph_.losses()); }
  // Of a runner that trains, till its Backward.
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

  // Where values, what ops keep and gradients lie in the arena.
  struct Blocks {
    std::vector<size_t> values;  // by value
    std::vector<size_t> saved;   // by op
    std::vector<size_t> gradients;
  };

  void Plan();
  Blocks PlanForward(ArenaPlan& plan) const;
  void PlanGradients(ArenaPlan& plan, Blocks& blocks);
  void Enter(size_t op);
  void FindSharedLanes();

  const Graph& graph_;
  const uint32_t samples_max_;
  const RunnerPurpose purpose_;
  OpTimes* times_ = nullptr;
  std::vector<OpPlan> plans_;      // by op
  std::vector<bool> overwritten_;  // by parameter
  uint64_t scratch_offset_ = 0;
  uint64_t arena_elements_ = 0;
  std::unique_ptr<T, Free> arena_;
  LanePlan lane_plan_;
  std::vector<uint32_t> attribute_fields_;
  std::vector<std::span<const uint32_t>> attribute_rows_;  // of the running batch, beside them
  Frame<T> frame_;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_GRAPH_RUNNER_H_
