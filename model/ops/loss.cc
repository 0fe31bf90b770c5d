#include "model/ops/loss.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

Loss::Loss(std::string name, ValueId input, ValueId output, std::span<const GraphTask> tasks)
    : TypedOp(std::move(name), {input}, output) {
  for (const GraphTask& task : tasks) {
    kinds_.push_back(LinkOf(task));
    lambdas_.push_back(task.lambda);
    scenarios_ = std::max(scenarios_, task.scenario_factors.size());
  }
  for (size_t scenario = 0; scenario < scenarios_; ++scenario) {
    for (const GraphTask& task : tasks) {
      factors_.push_back(task.scenario_factors.empty() ? 1 : task.scenario_factors[scenario]);
    }
  }
}

FlopCount Loss::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void Loss::Run(Frame<T>& frame) const {
  const std::span<const T> z = frame.Value(inputs()[0]);
  const std::span<const T> labels = frame.Labels();
  const std::span<T> losses = frame.MutableValue(output());
  for (size_t i = 0; i < z.size(); ++i) {
    losses[i] = LossOf(kinds_[i % kinds_.size()], z[i], labels[i]).loss;
  }
}

template <typename T>
void Loss::Differentiate(Frame<T>& frame) const {
  const std::span<const T> z = frame.Value(inputs()[0]);
  const std::span<const T> labels = frame.Labels();
  const std::span<T> dz = frame.Gradient(inputs()[0]);
  const std::span<const uint32_t> scenarios =
      scenarios_ == 0 ? std::span<const uint32_t>() : frame.Scenarios();
  const size_t tasks = kinds_.size();
  const std::span<const T> factors = frame.sample_factors();
  for (size_t i = 0; i < z.size(); ++i) {
    const size_t task = i % tasks;
    T weight = static_cast<T>(lambdas_[task]) * frame.sample_weight();
    if (!factors.empty()) weight *= factors[i];
    if (scenarios_ != 0) weight *= static_cast<T>(factors_[scenarios[i / tasks] * tasks + task]);
    dz[i] += weight * LossOf(kinds_[task], z[i], labels[i]).slope;
  }
}

ValueId AddLoss(Graph& graph, const std::string& name, ValueId input) {
  const auto tasks = static_cast<uint32_t>(graph.tasks().size());
  CHECK_EQ(graph.value(input).elements, tasks) << name;
  const ValueId output = graph.AddValue(name, {tasks}, true, false);
  graph.AddOp(std::make_unique<Loss>(name, input, output, graph.tasks()));
  return output;
}

}  // namespace caravan::model
