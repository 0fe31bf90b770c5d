#include "model/ops/concat.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status Concat::EmitOnnx(OnnxEmitter& emitter) const {
  std::vector<std::string> parts;
  for (const ValueId input : inputs()) {
    std::string part = emitter.ValueName(input);
    if (emitter.graph().value(input).shape.size() != 1) {
      part = emitter.Node("Flatten", {part}, {{"axis", int64_t{1}}}, part + ".flat");
    }
    parts.push_back(std::move(part));
  }
  if (emitter.graph().value(output()).shape.size() == 1) {
    emitter.NodeTo(output(), "Concat", std::move(parts), {{"axis", int64_t{1}}});
    return absl::OkStatus();
  }
  OnnxReshapeTo(emitter, output(),
                emitter.Node("Concat", std::move(parts), {{"axis", int64_t{1}}}, name() + ".flat"));
  return absl::OkStatus();
}

}  // namespace caravan::model
