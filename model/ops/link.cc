#include "model/ops/link.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

namespace caravan::model {

LinkKind LinkOf(const GraphTask& task) {
  if (task.loss == conf::CROSS_ENTROPY) return LinkKind::kLogistic;
  return task.link == conf::SOFTPLUS ? LinkKind::kSoftplus : LinkKind::kExp;
}

Link::Link(std::string name, ValueId input, ValueId output, std::vector<LinkKind> kinds)
    : TypedOp(std::move(name), {input}, output), kinds_(std::move(kinds)) {}

FlopCount Link::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void Link::Run(Frame<T>& frame) const {
  const std::span<const T> z = frame.Value(inputs()[0]);
  const std::span<T> y = frame.MutableValue(output());
  for (size_t i = 0; i < z.size(); ++i) y[i] = Predict(kinds_[i % kinds_.size()], z[i]);
}

template <typename T>
void Link::Differentiate(Frame<T>& /*frame*/) const {}  // the loss is taken from z

ValueId AddLink(Graph& graph, const std::string& name, ValueId input) {
  std::vector<LinkKind> kinds;
  for (const GraphTask& task : graph.tasks()) kinds.push_back(LinkOf(task));
  const ValueId output = graph.AddValue(name, {static_cast<uint32_t>(kinds.size())}, true, false);
  graph.AddOp(std::make_unique<Link>(name, input, output, std::move(kinds)));
  return output;
}

double InverseLink(LinkKind kind, double mean) {
  constexpr double kLeast = 1e-6;
  const double held = std::max(mean, kLeast);
  switch (kind) {
    case LinkKind::kExp: {
      const double z = std::log(held);
      return z <= kExpLinearAbove ? z : kExpLinearAbove + held / std::exp(kExpLinearAbove) - 1;
    }
    case LinkKind::kSoftplus:
      return held > 30 ? held : std::log(std::expm1(held));
    case LinkKind::kLogistic: {
      const double share = std::min(held, 1 - kLeast);
      return std::log(share / (1 - share));
    }
  }
  return 0;
}

}  // namespace caravan::model
