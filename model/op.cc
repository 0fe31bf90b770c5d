#include "model/op.h"

#include "fmt/format.h"

namespace caravan::model {

absl::Status Op::EmitOnnx(OnnxEmitter& /*emitter*/) const {
  return absl::UnimplementedError(fmt::format("op {} has no ONNX form", name_));
}

}  // namespace caravan::model
