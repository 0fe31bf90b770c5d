#include "model/ops/row_embedding.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status RowEmbedding::EmitOnnx(OnnxEmitter& emitter) const {
  std::vector<std::string> rows;
  for (const uint32_t field : fields_) {
    rows.push_back(
        OnnxColumns(emitter, emitter.FieldRows(field), columns_, row_width_, name() + ".columns"));
  }
  emitter.NodeTo(output(), "Concat", std::move(rows), {{"axis", int64_t{1}}});
  return absl::OkStatus();
}

}  // namespace caravan::model
