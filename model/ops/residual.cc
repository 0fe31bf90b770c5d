#include "model/ops/residual.h"

#include <memory>
#include <utility>

#include "glog/logging.h"
#include "model/leaky_relu.h"

namespace caravan::model {

Residual::Residual(std::string name, ValueId a, ValueId b, ValueId output, double slope)
    : TypedOp(std::move(name), {a, b}, output), slope_(slope) {}

FlopCount Residual::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void Residual::Run(Frame<T>& frame) const {
  const std::span<const T> a = frame.Value(inputs()[0]);
  const std::span<const T> b = frame.Value(inputs()[1]);
  const std::span<T> y = frame.MutableValue(output());
  for (size_t i = 0; i < y.size(); ++i) y[i] = a[i] + b[i];
  LeakyRelu(static_cast<T>(slope_), y);
}

template <typename T>
void Residual::Differentiate(Frame<T>& frame) const {
  const std::span<T> dy = frame.Gradient(output());
  LeakyReluBackward(static_cast<T>(slope_), frame.Value(output()), dy);
  for (const ValueId input : inputs()) {
    if (!frame.HasGradient(input)) continue;
    const std::span<T> dx = frame.Gradient(input);
    for (size_t i = 0; i < dx.size(); ++i) dx[i] += dy[i];
  }
}

ValueId AddResidual(Graph& graph, const std::string& name, ValueId a, ValueId b, double slope) {
  CHECK_EQ(graph.value(a).elements, graph.value(b).elements) << name;
  CHECK_EQ(graph.value(a).per_sample, graph.value(b).per_sample) << name;
  const Shape shape = graph.value(a).shape;
  const bool per_sample = graph.value(a).per_sample;
  const ValueId output = graph.AddValue(name, shape, per_sample);
  graph.AddOp(std::make_unique<Residual>(name, a, b, output, slope));
  return output;
}

}  // namespace caravan::model
