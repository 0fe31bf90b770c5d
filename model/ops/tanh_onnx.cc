#include "model/onnx_emitter.h"
#include "model/ops/tanh.h"

namespace caravan::model {

absl::Status Tanh::EmitOnnx(OnnxEmitter& emitter) const {
  emitter.NodeTo(output(), "Tanh", {emitter.ValueName(inputs()[0])}, {});
  return absl::OkStatus();
}

}  // namespace caravan::model
