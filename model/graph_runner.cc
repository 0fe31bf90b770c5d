#include "model/graph_runner.h"

#include <algorithm>
#include <new>

#include "glog/logging.h"
#include "model/arena_plan.h"
#include "model/op.h"

namespace caravan::model {
namespace {

constexpr std::align_val_t kArenaAlignment{64};

uint64_t ElementsAt(const struct Value& value, uint32_t samples) {
  return value.elements * (value.per_sample ? samples : 1);
}

// Whether an op has anything to differentiate.
bool RunsBackward(const Graph& graph, const Op& op) {
  return op.needs_labels() || graph.value(op.output()).has_gradient;
}

}  // namespace

template <typename T>
void GraphRunner<T>::Free::operator()(T* arena) const {
  ::operator delete(arena, kArenaAlignment);
}

template <typename T>
GraphRunner<T>::GraphRunner(const Graph& graph, uint32_t samples_max, const KernelSet<T>& kernels)
    : graph_(graph), samples_max_(samples_max), lane_plan_(samples_max) {
  frame_.graph_ = &graph;
  frame_.kernels_ = &kernels;
  frame_.lane_plan_ = &lane_plan_;
  for (uint32_t field = 0; field < graph.fields().size(); ++field) {
    if (!graph.fields()[field].sequence) attribute_fields_.push_back(field);
  }
  attribute_rows_.resize(attribute_fields_.size());
  overwritten_.resize(graph.parameters().size());
  for (const auto& op : graph.ops()) {
    for (const ParameterId id : op->OverwrittenGradients()) {
      CHECK(!overwritten_[Index(id)]) << graph.parameter(id).name << " is of two ops";
      overwritten_[Index(id)] = true;
    }
  }
  Plan(samples_max);
}

template <typename T>
void GraphRunner<T>::Plan(uint32_t samples_max) {
  ArenaPlan plan;
  const auto& values = graph_.values();
  const auto& ops = graph_.ops();
  std::vector<uint64_t> value_offsets;
  value_offsets.reserve(values.size());
  for (const struct Value& value : values) {
    value_offsets.push_back(plan.AddLasting(ElementsAt(value, samples_max)));
  }
  // Backward runs the ops from the last to the first: a gradient lives from its last consumer down
  // to its producer.
  plans_.resize(ops.size());
  std::vector<size_t> producer(values.size());
  std::vector<size_t> last_consumer(values.size());
  std::vector<bool> consumed(values.size());
  uint64_t scratch = 0;
  for (size_t i = 0; i < ops.size(); ++i) {
    producer[Index(ops[i]->output())] = i;
    plans_[i].saved = plan.AddLasting(ops[i]->SavedElements(samples_max));
    scratch = std::max(scratch, ops[i]->ScratchElements(samples_max));
    if (!RunsBackward(graph_, *ops[i])) continue;
    for (const ValueId input : ops[i]->inputs()) {
      last_consumer[Index(input)] = i;
      consumed[Index(input)] = true;
    }
  }
  scratch_offset_ = plan.AddLasting(scratch);
  std::vector<size_t> gradient_blocks(values.size());
  for (size_t v = 0; v < values.size(); ++v) {
    if (!values[v].has_gradient) continue;
    CHECK(consumed[v]) << "nothing of the loss follows from value " << values[v].name;
    gradient_blocks[v] =
        plan.AddBlock(ElementsAt(values[v], samples_max), producer[v], last_consumer[v]);
    plans_[last_consumer[v]].first_gradient.push_back(static_cast<ValueId>(v));
  }
  plan.PlaceBlocks();

  arena_elements_ = plan.elements();
  arena_.reset(static_cast<T*>(::operator new(arena_elements_ * sizeof(T), kArenaAlignment)));
  frame_.values_.resize(values.size());
  frame_.gradients_.resize(values.size(), nullptr);
  for (size_t v = 0; v < values.size(); ++v) {
    frame_.values_[v] = arena_.get() + value_offsets[v];
    if (values[v].has_gradient) {
      frame_.gradients_[v] = arena_.get() + plan.block_offset(gradient_blocks[v]);
    }
  }
  frame_.row_gradients_.resize(graph_.tables().size());
}

template <typename T>
void GraphRunner<T>::Enter(size_t op) {
  frame_.saved_ = {arena_.get() + plans_[op].saved,
                   graph_.ops()[op]->SavedElements(frame_.batch())};
  frame_.scratch_ = {arena_.get() + scratch_offset_,
                     graph_.ops()[op]->ScratchElements(frame_.batch())};
}

template <typename T>
void GraphRunner<T>::FindSharedLanes() {
  for (size_t i = 0; i < attribute_fields_.size(); ++i) {
    attribute_rows_[i] = frame_.RowIndices(attribute_fields_[i]);
  }
  lane_plan_.Find(frame_.batch(), attribute_rows_);
}

template <typename T>
void GraphRunner<T>::Forward(const GraphInput<T>& input, SampleRange range) {
  CHECK_LE(range.count, samples_max_);
  frame_.input_ = &input;
  frame_.batch_ = range.count;
  frame_.first_sample_ = range.first;
  frame_.sample_weight_ = T{1} / static_cast<T>(input.batch);
  FindSharedLanes();
  for (size_t i = 0; i < graph_.ops().size(); ++i) {
    const Op& op = *graph_.ops()[i];
    if (op.needs_labels() && input.labels.empty()) continue;
    Enter(i);
    op.Forward(frame_);
  }
}

template <typename T>
void GraphRunner<T>::Backward(std::span<T> parameter_gradient,
                              std::span<const std::span<T>> row_gradients, PartTurn* turn) {
  CHECK(!frame_.input_->labels.empty());
  frame_.turn_ = turn;
  frame_.first_step_ = 0;
  frame_.parameter_gradient_ = parameter_gradient;
  std::ranges::copy(row_gradients, frame_.row_gradients_.begin());
  for (size_t i = graph_.ops().size(); i-- > 0;) {
    const Op& op = *graph_.ops()[i];
    if (!RunsBackward(graph_, op)) continue;
    for (const ValueId value : plans_[i].first_gradient) {
      std::ranges::fill(frame_.Gradient(value), T{0});
    }
    Enter(i);
    if (!op.TakesTurns()) frame_.AwaitTurn(0, kOpSteps);
    op.Backward(frame_);
    frame_.first_step_ += kOpSteps;
  }
  if (turn != nullptr) turn->Finish(frame_.first_step_);
}

template <typename T>
void GraphRunner<T>::ZeroGradients(std::span<T> parameter_gradient,
                                   std::span<const std::span<T>> row_gradients) const {
  for (const Parameter& parameter : graph_.parameters()) {
    if (overwritten_[&parameter - graph_.parameters().data()]) continue;
    std::ranges::fill(parameter_gradient.subspan(parameter.offset, parameter.elements), T{0});
  }
  for (const std::span<T> rows : row_gradients) std::ranges::fill(rows, T{0});
}

template class GraphRunner<float>;
template class GraphRunner<double>;

}  // namespace caravan::model
