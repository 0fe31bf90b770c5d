#include "model/ops/expert_mixture.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status ExpertMixture::EmitOnnx(OnnxEmitter& emitter) const {
  const int64_t m = sizes_.tasks;
  const int64_t k = sizes_.experts;
  const int64_t n = sizes_.hidden;
  const int64_t d = sizes_.width;
  const std::string hidden =
      OnnxReshape(emitter, emitter.ValueName(inputs()[0]), {-1, m, k, n}, name() + ".hidden");
  const std::string experts =
      OnnxReshape(emitter, emitter.ValueName(inputs()[1]), {-1, k, d}, name() + ".experts");
  const std::string scores = emitter.Node("MatMul", {hidden, emitter.ParameterName(vector_)}, {},
                                          name() + ".scores");  // [B, m, k]
  const std::string shares =
      emitter.Node("Softmax", {scores}, {{"axis", int64_t{-1}}}, name() + ".shares");
  const std::string mixed =
      emitter.Node("MatMul", {shares, experts}, {}, name() + ".mixed");  // [B, m, d]
  OnnxReshapeTo(emitter, output(), mixed);
  return absl::OkStatus();
}

}  // namespace caravan::model
