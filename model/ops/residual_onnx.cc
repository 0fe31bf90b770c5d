#include "model/ops/residual.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status Residual::EmitOnnx(OnnxEmitter& emitter) const {
  const std::string sum = emitter.Node(
      "Add", {emitter.ValueName(inputs()[0]), emitter.ValueName(inputs()[1])}, {}, name() + ".sum");
  emitter.NodeTo(output(), "LeakyRelu", {sum}, {{"alpha", static_cast<float>(slope_)}});
  return absl::OkStatus();
}

}  // namespace caravan::model
