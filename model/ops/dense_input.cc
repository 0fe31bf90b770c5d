#include "model/ops/dense_input.h"

#include <algorithm>
#include <memory>

namespace caravan::model {

FlopCount DenseInput::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void DenseInput::Run(Frame<T>& frame) const {
  std::ranges::copy(frame.DenseFeatures(), frame.MutableValue(output()).begin());
}

template <typename T>
void DenseInput::Differentiate(Frame<T>& /*frame*/) const {}  // nothing trained lies before it

ValueId AddDenseInput(Graph& graph, const std::string& name) {
  const ValueId output = graph.AddValue(name, {graph.dense_features()}, true, false);
  graph.AddOp(std::make_unique<DenseInput>(name, std::vector<ValueId>{}, output));
  return output;
}

}  // namespace caravan::model
