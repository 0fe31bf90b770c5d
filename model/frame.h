// What an op sees of a running batch: its values, gradients, parameters and inputs. Made by
// GraphRunner; spans live until the runner's next call.
#ifndef CARAVAN_MODEL_FRAME_H_
#define CARAVAN_MODEL_FRAME_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/graph.h"
#include "model/kernels/kernels.h"
#include "model/lane_plan.h"
#include "model/part_turn.h"

namespace caravan::model {

// What a batch brings. Spans must outlive the call.
template <typename T>
struct GraphInput {
  uint32_t batch = 0;                    // B
  std::span<const T> dense_parameters;   // flat, ModelSpec.tensors in order
  std::vector<std::span<const T>> rows;  // by table: unique rows [u, width]
  // By field: for each value, the index of its row in rows[table of the field]; [B] or [B, T].
  std::vector<std::span<const uint32_t>> row_indices;
  std::span<const T> dense_features;    // [B, D]
  std::span<const T> labels;            // [B, m]; may be empty in Forward
  std::span<const uint32_t> scenarios;  // [B]; may be empty where no task has scenario_factors
  uint64_t dropout_seed = 0;            // of a training step; 0: nothing is dropped
  // [B], by which draws tell samples apart; where empty, their places.
  std::span<const uint32_t> sample_numbers;

  uint32_t sample_number(size_t place) const {
    return sample_numbers.empty() ? static_cast<uint32_t>(place) : sample_numbers[place];
  }
};

// One runner's part of a batch: samples [first_sample, first_sample + batch) of the input.
template <typename T>
class Frame {
 public:
  uint32_t batch() const { return batch_; }
  // 1 / samples of the whole batch: turns sums over samples into means.
  T sample_weight() const { return sample_weight_; }

  // Of values, gradients, Saved and Scratch the kLaneMultiple elements behind the last may be read
  // too; what they hold is undefined.
  std::span<const T> Value(ValueId id) const { return {values_[Index(id)], Elements(id)}; }
  std::span<T> MutableValue(ValueId id) { return {values_[Index(id)], Elements(id)}; }
  // To be added to; zero where nobody has yet. Only where HasGradient(id).
  std::span<T> Gradient(ValueId id) { return {gradients_[Index(id)], Elements(id)}; }
  bool HasGradient(ValueId id) const { return graph_->value(id).has_gradient; }

  std::span<const T> Parameter(ParameterId id) const {
    const auto& parameter = graph_->parameter(id);
    return input_->dense_parameters.subspan(parameter.offset, parameter.elements);
  }
  // To be added to.
  std::span<T> ParameterGradient(ParameterId id) {
    const auto& parameter = graph_->parameter(id);
    return parameter_gradient_.subspan(parameter.offset, parameter.elements);
  }

  std::span<const uint32_t> Scenarios() const {
    return input_->scenarios.subspan(first_sample_, batch_);
  }

  uint64_t dropout_seed() const { return input_->dropout_seed; }
  // Of the frame's sample `b`, see GraphInput.
  uint32_t SampleNumber(uint32_t b) const { return input_->sample_number(first_sample_ + b); }

  // The rows of a table, and their gradients (to be added to).
  std::span<const T> Rows(uint32_t table) const { return input_->rows[table]; }
  std::span<T> RowGradient(uint32_t table) { return row_gradients_[table]; }
  // This frame's row indices of a field: [batch] or [batch, T].
  std::span<const uint32_t> RowIndices(uint32_t field) const {
    const size_t per_sample = graph_->fields()[field].sequence ? graph_->history_days() : 1;
    return input_->row_indices[field].subspan(first_sample_ * per_sample, batch_ * per_sample);
  }
  std::span<const T> DenseFeatures() const {
    const size_t width = graph_->dense_features();
    return input_->dense_features.subspan(first_sample_ * width, batch_ * width);
  }
  std::span<const T> Labels() const {
    const size_t tasks = graph_->tasks().size();
    return input_->labels.subspan(first_sample_ * tasks, batch_ * tasks);
  }

  // Of Backward: whether this is the part of the batch that overwrites what an op's
  // OverwrittenGradients names.
  bool first_part() const { return turn_ == nullptr || turn_->first(); }
  // Of Backward: whether no other part adds to the same gradients.
  bool is_whole_batch() const { return turn_ == nullptr; }
  // Of Backward, in an op that has its work in steps (ascending, at most kOpSteps): returns when
  // the part before has done the running op's steps below `step` and its gradients may be added to.
  // Steps below `done` of this part are finished. Without it an op is one step.
  void AwaitTurn(uint64_t done, uint64_t step) {
    if (turn_ != nullptr) turn_->Await(first_step_ + done, first_step_ + step);
  }

  // Of Backward: what multiplies each task's lambda, [batch, m]; empty: nothing.
  std::span<const T> sample_factors() const { return sample_factors_; }

  const KernelSet<T>& kernels() const { return *kernels_; }
  // Which of the frame's samples share what follows from the attribute fields alone.
  LanePlan& lane_plan() { return *lane_plan_; }

  // Of the op that is running: what its SavedElements and ScratchElements asked for.
  std::span<T> Saved() { return saved_; }
  std::span<T> Scratch() { return scratch_; }

 private:
  template <typename U>
  friend class GraphRunner;

  size_t Elements(ValueId id) const {
    const auto& value = graph_->value(id);
    return value.elements * (value.per_sample ? batch_ : 1);
  }

  const Graph* graph_ = nullptr;
  const GraphInput<T>* input_ = nullptr;
  uint32_t batch_ = 0;
  size_t first_sample_ = 0;
  T sample_weight_ = 0;
  std::vector<T*> values_;     // by ValueId
  std::vector<T*> gradients_;  // by ValueId; null where there is none
  std::span<T> parameter_gradient_;
  std::vector<std::span<T>> row_gradients_;  // by table
  std::span<const T> sample_factors_;
  const KernelSet<T>* kernels_ = nullptr;
  LanePlan* lane_plan_ = nullptr;
  PartTurn* turn_ = nullptr;  // null: there is one part
  uint64_t first_step_ = 0;   // of the op that is running
  std::span<T> saved_;
  std::span<T> scratch_;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_FRAME_H_
