#include "model/ops/parameter_value.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace caravan::model {

ParameterValue::ParameterValue(std::string name, ValueId output, ParameterId parameter)
    : TypedOp(std::move(name), {}, output), parameter_(parameter) {}

FlopCount ParameterValue::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void ParameterValue::Run(Frame<T>& frame) const {
  std::ranges::copy(frame.Parameter(parameter_), frame.MutableValue(output()).begin());
}

template <typename T>
void ParameterValue::Differentiate(Frame<T>& frame) const {
  const std::span<const T> from = frame.Gradient(output());
  const std::span<T> to = frame.ParameterGradient(parameter_);
  for (size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}

ValueId AddParameterValue(Graph& graph, const std::string& name, ParameterId parameter) {
  const ValueId output = graph.AddValue(name, graph.parameter(parameter).shape, false);
  graph.AddOp(std::make_unique<ParameterValue>(name, output, parameter));
  return output;
}

}  // namespace caravan::model
