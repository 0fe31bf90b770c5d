#include "model/graph_runner.h"

#include <algorithm>
#include <new>

#include "base/huge_pages.h"
#include "base/thread_time.h"
#include "glog/logging.h"
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
GraphRunner<T>::GraphRunner(const Graph& graph, uint32_t samples_max, RunnerPurpose purpose,
                            const KernelSet<T>& kernels)
    : graph_(graph), samples_max_(samples_max), purpose_(purpose), lane_plan_(samples_max) {
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
  Plan();
}

// Op i runs as step i, backward as step end - i. A value, and what an op keeps, lives from its op's
// first step to its second, which is the last that reads it; where nothing is trained, a value
// lives to its last reader, what an op keeps only while it runs. The outputs live to the end.
template <typename T>
typename GraphRunner<T>::Blocks GraphRunner<T>::PlanForward(ArenaPlan& plan) const {
  const auto& values = graph_.values();
  const auto& ops = graph_.ops();
  const bool trains = purpose_ == RunnerPurpose::kTrain;
  const size_t end = 2 * ops.size();
  std::vector<size_t> first(values.size());
  std::vector<size_t> last(values.size());
  Blocks blocks;
  for (size_t i = 0; i < ops.size(); ++i) {
    const size_t second = trains ? end - i : i;
    first[Index(ops[i]->output())] = i;
    last[Index(ops[i]->output())] = second;
    for (const ValueId value : ops[i]->inputs()) {
      last[Index(value)] = std::max(last[Index(value)], i);
    }
    blocks.saved.push_back(plan.AddBlock(ops[i]->SavedElements(samples_max_), i, second));
  }
  last[Index(graph_.predictions())] = end;
  last[Index(graph_.losses())] = end;
  for (size_t v = 0; v < values.size(); ++v) {
    blocks.values.push_back(plan.AddBlock(ElementsAt(values[v], samples_max_), first[v], last[v]));
  }
  return blocks;
}

// A gradient lives from its value's last consumer down to its producer.
template <typename T>
void GraphRunner<T>::PlanGradients(ArenaPlan& plan, Blocks& blocks) {
  const auto& values = graph_.values();
  const auto& ops = graph_.ops();
  const size_t end = 2 * ops.size();
  std::vector<size_t> producer(values.size());
  std::vector<size_t> last_consumer(values.size());
  std::vector<bool> consumed(values.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    producer[Index(ops[i]->output())] = i;
    if (!RunsBackward(graph_, *ops[i])) continue;
    for (const ValueId input : ops[i]->inputs()) {
      last_consumer[Index(input)] = i;
      consumed[Index(input)] = true;
    }
  }
  blocks.gradients.resize(values.size());
  for (size_t v = 0; v < values.size(); ++v) {
    if (!values[v].has_gradient) continue;
    CHECK(consumed[v]) << "nothing of the loss follows from value " << values[v].name;
    blocks.gradients[v] = plan.AddBlock(ElementsAt(values[v], samples_max_), end - last_consumer[v],
                                        end - producer[v]);
    plans_[last_consumer[v]].first_gradient.push_back(static_cast<ValueId>(v));
  }
}

template <typename T>
void GraphRunner<T>::Plan() {
  const auto& values = graph_.values();
  const auto& ops = graph_.ops();
  plans_.resize(ops.size());
  uint64_t scratch = 0;
  for (const auto& op : ops) scratch = std::max(scratch, op->ScratchElements(samples_max_));
  ArenaPlan plan;
  scratch_offset_ = plan.AddLasting(scratch);
  Blocks blocks = PlanForward(plan);
  if (purpose_ == RunnerPurpose::kTrain) PlanGradients(plan, blocks);
  plan.PlaceBlocks();

  arena_elements_ = plan.elements() + kLaneMultiple;
  arena_.reset(static_cast<T*>(::operator new(arena_elements_ * sizeof(T), kArenaAlignment)));
  AdviseHugePages(arena_.get(), arena_elements_ * sizeof(T));
  for (size_t i = 0; i < ops.size(); ++i) plans_[i].saved = plan.block_offset(blocks.saved[i]);
  frame_.values_.resize(values.size());
  frame_.gradients_.resize(values.size(), nullptr);
  for (size_t v = 0; v < values.size(); ++v) {
    frame_.values_[v] = arena_.get() + plan.block_offset(blocks.values[v]);
    if (purpose_ == RunnerPurpose::kTrain && values[v].has_gradient) {
      frame_.gradients_[v] = arena_.get() + plan.block_offset(blocks.gradients[v]);
    }
  }
  frame_.row_gradients_.resize(graph_.tables().size());
}

template <typename T>
void GraphRunner<T>::RecordTimes(OpTimes& times) {
  times.forward_s.resize(graph_.ops().size());
  times.backward_s.resize(graph_.ops().size());
  times_ = &times;
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
    const double begin = times_ == nullptr ? 0 : ThreadSeconds();
    Enter(i);
    op.Forward(frame_);
    if (times_ != nullptr) times_->forward_s[i] += ThreadSeconds() - begin;
  }
}

template <typename T>
void GraphRunner<T>::Backward(std::span<T> parameter_gradient,
                              std::span<const std::span<T>> row_gradients, PartTurn* turn,
                              std::span<const T> sample_factors) {
  CHECK(purpose_ == RunnerPurpose::kTrain);
  CHECK(!frame_.input_->labels.empty());
  frame_.turn_ = turn;
  frame_.sample_factors_ = sample_factors;
  frame_.first_step_ = 0;
  frame_.parameter_gradient_ = parameter_gradient;
  std::ranges::copy(row_gradients, frame_.row_gradients_.begin());
  for (size_t i = graph_.ops().size(); i-- > 0;) {
    const Op& op = *graph_.ops()[i];
    if (!RunsBackward(graph_, op)) continue;
    const double begin = times_ == nullptr ? 0 : ThreadSeconds();
    for (const ValueId value : plans_[i].first_gradient) {
      std::ranges::fill(frame_.Gradient(value), T{0});
    }
    Enter(i);
    if (!op.TakesTurns()) {
      frame_.AwaitTurn(0, kOpSteps);
    } else if (turn != nullptr) {
      // The op may take its turn late: the part behind need not wait for that.
      turn->Finish(frame_.first_step_);
    }
    op.Backward(frame_);
    if (times_ != nullptr) times_->backward_s[i] += ThreadSeconds() - begin;
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
