#include "model/ops/concat.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

Concat::Concat(std::string name, std::vector<ValueId> inputs, ValueId output,
               std::vector<uint64_t> widths)
    : TypedOp(std::move(name), std::move(inputs), output), widths_(std::move(widths)) {}

FlopCount Concat::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void Concat::Run(Frame<T>& frame) const {
  T* y = frame.MutableValue(output()).data();
  const uint64_t total = std::accumulate(widths_.begin(), widths_.end(), uint64_t{0});
  for (size_t i = 0; i < widths_.size(); ++i) {
    const T* x = frame.Value(inputs()[i]).data();
    for (uint32_t b = 0; b < frame.batch(); ++b) {
      std::copy_n(x + b * widths_[i], widths_[i], y + b * total);
    }
    y += widths_[i];
  }
}

template <typename T>
void Concat::Differentiate(Frame<T>& frame) const {
  const T* dy = frame.Gradient(output()).data();
  const uint64_t total = std::accumulate(widths_.begin(), widths_.end(), uint64_t{0});
  for (size_t i = 0; i < widths_.size(); ++i) {
    if (frame.HasGradient(inputs()[i])) {
      T* dx = frame.Gradient(inputs()[i]).data();
      for (uint32_t b = 0; b < frame.batch(); ++b) {
        for (uint64_t j = 0; j < widths_[i]; ++j) dx[b * widths_[i] + j] += dy[b * total + j];
      }
    }
    dy += widths_[i];
  }
}

ValueId AddConcat(Graph& graph, const std::string& name, const std::vector<ValueId>& inputs,
                  Shape shape) {
  std::vector<uint64_t> widths;
  uint64_t total = 0;
  bool has_gradient = false;
  for (const ValueId input : inputs) {
    CHECK(graph.value(input).per_sample) << graph.value(input).name;
    widths.push_back(graph.value(input).elements);
    total += widths.back();
    has_gradient = has_gradient || graph.value(input).has_gradient;
  }
  if (shape.empty()) shape = {static_cast<uint32_t>(total)};
  CHECK_EQ(ElementsOf(shape), total) << name;
  const ValueId output = graph.AddValue(name, std::move(shape), true, has_gradient);
  graph.AddOp(std::make_unique<Concat>(name, inputs, output, std::move(widths)));
  return output;
}

}  // namespace caravan::model
