#include "model/ops/loss.h"

#include <memory>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

Loss::Loss(std::string name, ValueId input, ValueId output, std::vector<LinkKind> kinds,
           std::vector<double> lambdas)
    : TypedOp(std::move(name), {input}, output),
      kinds_(std::move(kinds)),
      lambdas_(std::move(lambdas)) {}

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
  for (size_t i = 0; i < z.size(); ++i) {
    const size_t task = i % kinds_.size();
    const T weight = static_cast<T>(lambdas_[task]) * frame.sample_weight();
    dz[i] += weight * LossOf(kinds_[task], z[i], labels[i]).slope;
  }
}

ValueId AddLoss(Graph& graph, const std::string& name, ValueId input) {
  std::vector<LinkKind> kinds;
  std::vector<double> lambdas;
  for (const GraphTask& task : graph.tasks()) {
    kinds.push_back(LinkOf(task));
    lambdas.push_back(task.lambda);
  }
  CHECK_EQ(graph.value(input).elements, kinds.size()) << name;
  const ValueId output = graph.AddValue(name, {static_cast<uint32_t>(kinds.size())}, true, false);
  graph.AddOp(std::make_unique<Loss>(name, input, output, std::move(kinds), std::move(lambdas)));
  return output;
}

}  // namespace caravan::model
