#include "model/ops/parameter_value.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status ParameterValue::EmitOnnx(OnnxEmitter& emitter) const {
  emitter.NodeTo(output(), "Identity", {emitter.ParameterName(parameter_)}, {});
  return absl::OkStatus();
}

}  // namespace caravan::model
