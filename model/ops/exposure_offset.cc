#include "model/ops/exposure_offset.h"

#include <memory>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

ExposureOffset::ExposureOffset(std::string name, ValueId input, ValueId output,
                               std::vector<Exposure> exposures)
    : TypedOp(std::move(name), {input}, output), exposures_(std::move(exposures)) {}

FlopCount ExposureOffset::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void ExposureOffset::Run(Frame<T>& frame) const {
  const std::span<const T> z = frame.Value(inputs()[0]);
  const std::span<const T> dense = frame.DenseFeatures();
  const std::span<T> shifted = frame.MutableValue(output());
  const size_t tasks = exposures_.size();
  const size_t width = dense.size() / frame.batch();
  for (size_t at = 0; at < z.size(); ++at) {
    const Exposure& exposure = exposures_[at % tasks];
    const T feature = dense[at / tasks * width + exposure.feature];
    shifted[at] = z[at] + static_cast<T>(exposure.scale) * feature + static_cast<T>(exposure.shift);
  }
}

template <typename T>
void ExposureOffset::Differentiate(Frame<T>& frame) const {
  const std::span<const T> d_shifted = frame.Gradient(output());
  const std::span<T> dz = frame.Gradient(inputs()[0]);
  for (size_t at = 0; at < dz.size(); ++at) dz[at] += d_shifted[at];
}

ValueId AddExposureOffset(Graph& graph, const std::string& name, ValueId input,
                          std::vector<Exposure> exposures) {
  const Value& z = graph.value(input);
  CHECK_EQ(z.elements, graph.tasks().size()) << name;
  CHECK_EQ(exposures.size(), graph.tasks().size()) << name;
  CHECK(z.per_sample && z.has_gradient) << name;
  for (const Exposure& exposure : exposures) CHECK_LT(exposure.feature, graph.dense_features());
  const ValueId output = graph.AddValue(name, z.shape, true);
  graph.AddOp(std::make_unique<ExposureOffset>(name, input, output, std::move(exposures)));
  return output;
}

}  // namespace caravan::model
