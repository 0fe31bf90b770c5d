#include "model/onnx_emitter.h"
#include "model/ops/exposure_offset.h"

namespace caravan::model {

absl::Status ExposureOffset::EmitOnnx(OnnxEmitter& emitter) const {
  std::vector<int64_t> features;
  std::vector<float> scales;
  std::vector<float> shifts;
  for (const Exposure& exposure : exposures_) {
    features.push_back(exposure.feature);
    scales.push_back(exposure.scale);
    shifts.push_back(exposure.shift);
  }
  const auto m = static_cast<int64_t>(exposures_.size());
  const std::string taken =
      emitter.Node("Gather", {emitter.DenseFeatures(), emitter.Integers(std::move(features))},
                   {{"axis", int64_t{1}}}, name() + ".features");
  const std::string scaled =
      emitter.Node("Mul", {taken, emitter.Floats(std::move(scales), {m})}, {}, name() + ".scaled");
  const std::string offset =
      emitter.Node("Add", {scaled, emitter.Floats(std::move(shifts), {m})}, {}, name() + ".offset");
  emitter.NodeTo(output(), "Add", {emitter.ValueName(inputs()[0]), offset}, {});
  return absl::OkStatus();
}

}  // namespace caravan::model
