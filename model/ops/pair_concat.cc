#include "model/ops/pair_concat.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

PairConcat::PairConcat(std::string name, ValueId experts, ValueId tasks, ValueId output,
                       uint32_t expert_count, uint32_t task_count, uint32_t width)
    : TypedOp(std::move(name), {experts, tasks}, output),
      experts_(expert_count),
      tasks_(task_count),
      width_(width) {}

FlopCount PairConcat::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void PairConcat::Run(Frame<T>& frame) const {
  const T* experts = frame.Value(inputs()[0]).data();
  const T* tasks = frame.Value(inputs()[1]).data();
  T* y = frame.MutableValue(output()).data();
  for (size_t b = 0; b < frame.batch(); ++b) {
    for (size_t t = 0; t < tasks_; ++t) {
      for (size_t i = 0; i < experts_; ++i, y += 2 * size_t{width_}) {
        std::copy_n(experts + (b * experts_ + i) * width_, width_, y);
        std::copy_n(tasks + t * width_, width_, y + width_);
      }
    }
  }
}

template <typename T>
void PairConcat::Differentiate(Frame<T>& frame) const {
  const T* dy = frame.Gradient(output()).data();
  T* d_experts = frame.Gradient(inputs()[0]).data();
  T* d_tasks = frame.Gradient(inputs()[1]).data();
  for (size_t b = 0; b < frame.batch(); ++b) {
    for (size_t t = 0; t < tasks_; ++t) {
      for (size_t i = 0; i < experts_; ++i, dy += 2 * size_t{width_}) {
        T* d_expert = d_experts + (b * experts_ + i) * width_;
        T* d_task = d_tasks + t * width_;
        for (size_t j = 0; j < width_; ++j) d_expert[j] += dy[j];
        for (size_t j = 0; j < width_; ++j) d_task[j] += dy[width_ + j];
      }
    }
  }
}

ValueId AddPairConcat(Graph& graph, const std::string& name, ValueId experts, ValueId tasks) {
  const Value& expert_value = graph.value(experts);
  const Value& task_value = graph.value(tasks);
  CHECK(expert_value.per_sample && expert_value.has_gradient) << expert_value.name;
  CHECK(!task_value.per_sample && task_value.has_gradient) << task_value.name;
  CHECK_EQ(expert_value.shape.at(1), task_value.shape.at(1));
  const uint32_t expert_count = expert_value.shape[0];
  const uint32_t task_count = task_value.shape[0];
  const uint32_t width = task_value.shape[1];
  const ValueId output = graph.AddValue(name, {task_count, expert_count, 2 * width}, true);
  graph.AddOp(
      std::make_unique<PairConcat>(name, experts, tasks, output, expert_count, task_count, width));
  return output;
}

}  // namespace caravan::model
