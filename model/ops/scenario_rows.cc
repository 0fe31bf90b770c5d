#include "model/ops/scenario_rows.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

ScenarioRows::ScenarioRows(std::string name, std::vector<ValueId> inputs, ValueId output,
                           ScenarioRowSizes sizes)
    : TypedOp(std::move(name), std::move(inputs), output), sizes_(sizes) {}

FlopCount ScenarioRows::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void ScenarioRows::Run(Frame<T>& frame) const {
  const auto [groups, rows, width, rank, scenario] = sizes_;
  const T* h = frame.Value(inputs()[0]).data();
  const T* u = frame.Value(inputs()[1]).data();
  const T* gates = frame.Value(inputs()[2]).data();
  const T* s = frame.Value(inputs()[3]).data();
  T* y = frame.MutableValue(output()).data();
  for (size_t b = 0; b < frame.batch(); ++b, s += scenario) {
    for (size_t g = 0; g < groups; ++g, gates += rank) {
      for (size_t i = 0; i < rows; ++i, h += width, u += rank) {
        y = std::copy_n(h, width, y);
        for (size_t j = 0; j < rank; ++j) *y++ = u[j] * gates[j];
        y = std::copy_n(s, scenario, y);
      }
    }
  }
}

template <typename T>
void ScenarioRows::Differentiate(Frame<T>& frame) const {
  const auto [groups, rows, width, rank, scenario] = sizes_;
  const T* u = frame.Value(inputs()[1]).data();
  const T* gates = frame.Value(inputs()[2]).data();
  T* dh = frame.Gradient(inputs()[0]).data();
  T* du = frame.Gradient(inputs()[1]).data();
  T* d_gates = frame.Gradient(inputs()[2]).data();
  T* ds = frame.Gradient(inputs()[3]).data();
  const T* dy = frame.Gradient(output()).data();
  const size_t columns = size_t{width} + rank + scenario;
  for (size_t b = 0; b < frame.batch(); ++b, ds += scenario) {
    for (size_t g = 0; g < groups; ++g, gates += rank, d_gates += rank) {
      for (size_t i = 0; i < rows; ++i, dh += width, u += rank, du += rank, dy += columns) {
        const T* dq = dy + width;
        for (size_t j = 0; j < width; ++j) dh[j] += dy[j];
        for (size_t j = 0; j < rank; ++j) {
          du[j] += dq[j] * gates[j];
          d_gates[j] += dq[j] * u[j];
        }
        for (size_t c = 0; c < scenario; ++c) ds[c] += dq[rank + c];
      }
    }
  }
}

ValueId AddScenarioRows(Graph& graph, const std::string& name, ValueId h, ValueId factors,
                        ValueId gates, ValueId scenario) {
  ScenarioRowSizes sizes;
  sizes.groups = graph.value(gates).shape.at(0);
  sizes.rank = graph.value(gates).shape.at(1);
  sizes.width = graph.value(h).shape.back();
  sizes.scenario = static_cast<uint32_t>(graph.value(scenario).elements);
  sizes.rows = static_cast<uint32_t>(graph.value(h).elements / sizes.width / sizes.groups);
  CHECK_EQ(graph.value(h).elements, uint64_t{sizes.groups} * sizes.rows * sizes.width) << name;
  CHECK_EQ(graph.value(factors).elements, uint64_t{sizes.groups} * sizes.rows * sizes.rank) << name;
  Shape shape = graph.value(h).shape;
  shape.back() = sizes.width + sizes.rank + sizes.scenario;
  const ValueId output = graph.AddValue(name, std::move(shape), true);
  graph.AddOp(std::make_unique<ScenarioRows>(
      name, std::vector<ValueId>{h, factors, gates, scenario}, output, sizes));
  return output;
}

}  // namespace caravan::model
