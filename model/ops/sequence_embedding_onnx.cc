#include "model/ops/sequence_embedding.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status SequenceEmbedding::EmitOnnx(OnnxEmitter& emitter) const {
  std::vector<std::string> parts;
  for (const uint32_t field : fields_) {
    parts.push_back(
        OnnxColumns(emitter, emitter.FieldRows(field), columns_, row_width_, name() + ".columns"));
  }
  const std::string position = OnnxReshape(emitter, emitter.ParameterName(position_),
                                           {1, int64_t{days_}, int64_t{width_}}, name() + ".days");
  const std::string extents = emitter.Node("Shape", {parts[0]}, {}, name() + ".extents");
  parts.push_back(emitter.Node("Expand", {position, extents}, {}, name() + ".positions"));
  emitter.NodeTo(output(), "Concat", std::move(parts), {{"axis", int64_t{2}}});
  return absl::OkStatus();
}

}  // namespace caravan::model
