#include "model/ops/dropout.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "base/random.h"
#include "glog/logging.h"

namespace caravan::model {
namespace {

constexpr uint32_t kDrawBits = 16;  // of 64 that a stream gives at once

}  // namespace

Dropout::Dropout(std::string name, ValueId input, ValueId output, double probability)
    : TypedOp(std::move(name), {input}, output),
      dropped_below_(static_cast<uint32_t>(std::lround(probability * (1U << kDrawBits)))),
      scale_((1U << kDrawBits) / static_cast<double>((1U << kDrawBits) - dropped_below_)) {}

FlopCount Dropout::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T, typename Kept>
void Dropout::Draw(const Frame<T>& frame, size_t elements, Kept kept) const {
  const size_t width = elements / frame.batch();
  for (uint32_t b = 0; b < frame.batch(); ++b) {
    RandomStream stream(frame.dropout_seed(), Index(output()), frame.SampleNumber(b));
    uint64_t bits = 0;
    for (size_t i = 0; i < width; ++i) {
      bits = i % (64 / kDrawBits) == 0 ? stream.NextBits() : bits >> kDrawBits;
      if ((bits & ((1U << kDrawBits) - 1)) >= dropped_below_) kept(b * width + i);
    }
  }
}

template <typename T>
void Dropout::Run(Frame<T>& frame) const {
  const std::span<const T> x = frame.Value(inputs()[0]);
  const std::span<T> y = frame.MutableValue(output());
  if (frame.dropout_seed() == 0) {
    std::ranges::copy(x, y.begin());
    return;
  }
  std::ranges::fill(y, T{0});
  const T scale = static_cast<T>(scale_);
  Draw(frame, x.size(), [&](size_t i) { y[i] = scale * x[i]; });
}

template <typename T>
void Dropout::Differentiate(Frame<T>& frame) const {
  if (!frame.HasGradient(inputs()[0])) return;
  const std::span<const T> dy = frame.Gradient(output());
  const std::span<T> dx = frame.Gradient(inputs()[0]);
  if (frame.dropout_seed() == 0) {
    for (size_t i = 0; i < dx.size(); ++i) dx[i] += dy[i];
    return;
  }
  const T scale = static_cast<T>(scale_);
  Draw(frame, dx.size(), [&](size_t i) { dx[i] += scale * dy[i]; });
}

ValueId AddDropout(Graph& graph, const std::string& name, ValueId input, double probability) {
  CHECK(probability >= 0 && probability < 1) << name << ": " << probability;
  if (probability == 0) return input;
  const Value value = graph.value(input);
  CHECK(value.per_sample) << name;
  const ValueId output = graph.AddValue(name, value.shape, true, value.has_gradient);
  graph.AddOp(std::make_unique<Dropout>(name, input, output, probability));
  return output;
}

}  // namespace caravan::model
