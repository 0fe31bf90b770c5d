#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"
#include "model/ops/gated_mixture.h"

namespace caravan::model {

absl::Status GatedMixture::EmitOnnx(OnnxEmitter& emitter) const {
  const auto m = static_cast<int64_t>(choices_.size());
  const int64_t g = GateWidth();
  const int64_t n = experts_;
  const int64_t d = width_;
  std::vector<int64_t> chosen;
  for (const std::vector<uint32_t>& task : choices_) {
    chosen.insert(chosen.end(), task.begin(), task.end());
  }
  const std::string gates =
      OnnxReshape(emitter, emitter.ValueName(inputs()[0]), {-1, m, 1, g}, name() + ".gates");
  const std::string shares =
      emitter.Node("Softmax", {gates}, {{"axis", int64_t{-1}}}, name() + ".shares");
  const std::string experts =
      OnnxReshape(emitter, emitter.ValueName(inputs()[1]), {-1, n, d}, name() + ".experts");
  const std::string picked = emitter.Node("Gather", {experts, emitter.Integers(std::move(chosen))},
                                          {{"axis", int64_t{1}}}, name() + ".picked");
  const std::string by_task =
      OnnxReshape(emitter, picked, {-1, m, g, d}, name() + ".by_task");  // [B, m, g, d]
  OnnxReshapeTo(emitter, output(),
                emitter.Node("MatMul", {shares, by_task}, {}, name() + ".mixed"));
  return absl::OkStatus();
}

}  // namespace caravan::model
