#include "model/ops/task_head.h"

#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include "fmt/format.h"
#include "glog/logging.h"
#include "model/initializers.h"

namespace caravan::model {

TaskHead::TaskHead(std::string name, ValueId input, ValueId output, std::vector<HeadWeights> tasks,
                   uint32_t width)
    : TypedOp(std::move(name), {input}, output), tasks_(std::move(tasks)), width_(width) {}

FlopCount TaskHead::CountFlops(uint32_t batch) const {
  const double forward = 2.0 * batch * static_cast<double>(tasks_.size()) * width_;
  return {forward, 2 * forward};
}

template <typename T>
void TaskHead::Run(Frame<T>& frame) const {
  const T* x = frame.Value(inputs()[0]).data();
  const std::span<T> z = frame.MutableValue(output());
  for (size_t t = 0; t < tasks_.size(); ++t) {
    const std::span<const T> weight = frame.Parameter(tasks_[t].weight);
    const T start = frame.Parameter(tasks_[t].bias)[0];
    for (size_t at = t; at < z.size(); at += tasks_.size()) {
      z[at] = std::inner_product(weight.begin(), weight.end(), x + at * width_, start);
    }
  }
}

template <typename T>
void TaskHead::Differentiate(Frame<T>& frame) const {
  const T* x = frame.Value(inputs()[0]).data();
  T* dx = frame.Gradient(inputs()[0]).data();
  const std::span<const T> dz = frame.Gradient(output());
  for (size_t t = 0; t < tasks_.size(); ++t) {
    const std::span<const T> weight = frame.Parameter(tasks_[t].weight);
    const std::span<T> d_weight = frame.ParameterGradient(tasks_[t].weight);
    T& d_bias = frame.ParameterGradient(tasks_[t].bias)[0];
    for (size_t at = t; at < dz.size(); at += tasks_.size()) {
      const T d = dz[at];
      d_bias += d;
      for (size_t i = 0; i < width_; ++i) {
        d_weight[i] += d * x[at * width_ + i];
        dx[at * width_ + i] += d * weight[i];
      }
    }
  }
}

ValueId AddTaskHead(Graph& graph, const std::string& name, ValueId input,
                    const std::vector<double>& starts) {
  const Shape shape = graph.value(input).shape;
  const size_t tasks = graph.tasks().size();
  CHECK_EQ(shape.size(), 2U) << name;
  CHECK_EQ(shape[0], tasks) << name;
  CHECK_EQ(starts.size(), tasks) << name;
  CHECK(graph.value(input).per_sample && graph.value(input).has_gradient) << name;
  std::vector<HeadWeights> weights;
  for (size_t t = 0; t < tasks; ++t) {
    const std::string prefix = fmt::format("{}.{}", name, graph.tasks()[t].name);
    HeadWeights& one = weights.emplace_back();
    one.weight = graph.AddParameter(prefix + ".weight", {shape[1]},
                                    NormalInitializer(std::sqrt(1.0 / shape[1])), true);
    one.bias = graph.AddParameter(prefix + ".bias", {1},
                                  ConstantInitializer(static_cast<float>(starts[t])), false);
  }
  const ValueId output = graph.AddValue(name, {shape[0]}, true);
  graph.AddOp(std::make_unique<TaskHead>(name, input, output, std::move(weights), shape[1]));
  return output;
}

}  // namespace caravan::model
