#include "model/ops/mean_pool.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

MeanPool::MeanPool(std::string name, ValueId input, ValueId output, uint32_t rows, uint32_t width)
    : TypedOp(std::move(name), {input}, output), rows_(rows), width_(width) {}

FlopCount MeanPool::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void MeanPool::Run(Frame<T>& frame) const {
  const T* x = frame.Value(inputs()[0]).data();
  const std::span<T> y = frame.MutableValue(output());
  const T share = T{1} / static_cast<T>(rows_);
  std::ranges::fill(y, T{0});
  for (uint32_t b = 0; b < frame.batch(); ++b) {
    T* mean = &y[size_t{b} * width_];
    for (uint32_t r = 0; r < rows_; ++r, x += width_) {
      for (uint32_t i = 0; i < width_; ++i) mean[i] += share * x[i];
    }
  }
}

template <typename T>
void MeanPool::Differentiate(Frame<T>& frame) const {
  if (!frame.HasGradient(inputs()[0])) return;
  const std::span<const T> dy = frame.Gradient(output());
  T* dx = frame.Gradient(inputs()[0]).data();
  const T share = T{1} / static_cast<T>(rows_);
  for (uint32_t b = 0; b < frame.batch(); ++b) {
    const T* mean = &dy[size_t{b} * width_];
    for (uint32_t r = 0; r < rows_; ++r, dx += width_) {
      for (uint32_t i = 0; i < width_; ++i) dx[i] += share * mean[i];
    }
  }
}

ValueId AddMeanPool(Graph& graph, const std::string& name, ValueId input) {
  const Value& value = graph.value(input);
  CHECK_EQ(value.shape.size(), 2U) << value.name;
  CHECK(value.per_sample) << value.name;
  const uint32_t rows = value.shape[0];
  const uint32_t width = value.shape[1];
  const ValueId output = graph.AddValue(name, {width}, true, value.has_gradient);
  graph.AddOp(std::make_unique<MeanPool>(name, input, output, rows, width));
  return output;
}

}  // namespace caravan::model
