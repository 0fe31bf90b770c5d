#include "model/ops/dense_input.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status DenseInput::EmitOnnx(OnnxEmitter& emitter) const {
  emitter.NodeTo(output(), "Identity", {emitter.DenseFeatures()}, {});
  return absl::OkStatus();
}

}  // namespace caravan::model
