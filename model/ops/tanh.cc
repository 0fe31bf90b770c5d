#include "model/ops/tanh.h"

#include <cmath>
#include <memory>

#include "glog/logging.h"

namespace caravan::model {

FlopCount Tanh::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void Tanh::Run(Frame<T>& frame) const {
  const std::span<const T> x = frame.Value(inputs()[0]);
  const std::span<T> y = frame.MutableValue(output());
  for (size_t i = 0; i < y.size(); ++i) y[i] = std::tanh(x[i]);
}

template <typename T>
void Tanh::Differentiate(Frame<T>& frame) const {
  const std::span<const T> y = frame.Value(output());
  const std::span<const T> dy = frame.Gradient(output());
  const std::span<T> dx = frame.Gradient(inputs()[0]);
  for (size_t i = 0; i < dx.size(); ++i) dx[i] += dy[i] * (T{1} - y[i] * y[i]);
}

ValueId AddTanh(Graph& graph, const std::string& name, ValueId input) {
  const Shape shape = graph.value(input).shape;
  CHECK(graph.value(input).has_gradient) << name;
  const ValueId output = graph.AddValue(name, shape, graph.value(input).per_sample);
  graph.AddOp(std::make_unique<Tanh>(name, std::vector<ValueId>{input}, output));
  return output;
}

}  // namespace caravan::model
