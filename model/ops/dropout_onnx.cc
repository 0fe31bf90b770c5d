#include "model/onnx_emitter.h"
#include "model/ops/dropout.h"

namespace caravan::model {

// Who serves a model leaves nothing out.
absl::Status Dropout::EmitOnnx(OnnxEmitter& emitter) const {
  emitter.NodeTo(output(), "Identity", {emitter.ValueName(inputs()[0])}, {});
  return absl::OkStatus();
}

}  // namespace caravan::model
