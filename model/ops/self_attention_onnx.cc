#include <cmath>

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"
#include "model/ops/self_attention.h"

namespace caravan::model {

absl::Status SelfAttention::EmitOnnx(OnnxEmitter& emitter) const {
  const int64_t days = sizes_.days;
  const int64_t width = sizes_.width;
  const int64_t heads = sizes_.heads;
  const int64_t columns = width / heads;
  const std::string rows =
      OnnxReshape(emitter, emitter.ValueName(inputs()[0]), {-1, width}, name() + ".days");
  // x W^T cut in heads, its axes [batch, day, head, column] in the order of `axes`.
  const auto project = [&](ParameterId weight, const std::string& part,
                           const std::vector<int64_t>& axes) {
    const std::string flat = OnnxLinear(emitter, rows, weight, std::nullopt, name() + part);
    const std::string cut =
        OnnxReshape(emitter, flat, {-1, days, heads, columns}, name() + part + ".cut");
    return emitter.Node("Transpose", {cut}, {{"perm", axes}}, name() + part + ".heads");
  };
  const std::string queries = project(weights_.query, ".queries", {0, 2, 1, 3});
  const std::string keys = project(weights_.key, ".keys", {0, 2, 3, 1});
  const std::string values = project(weights_.value, ".values", {0, 2, 1, 3});
  const std::string products =
      emitter.Node("MatMul", {queries, keys}, {}, name() + ".products");  // [B, heads, T, T]
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(columns)));
  const std::string scores =
      emitter.Node("Mul", {products, emitter.Floats({scale}, {1})}, {}, name() + ".scores");
  const std::string shares =
      emitter.Node("Softmax", {scores}, {{"axis", int64_t{-1}}}, name() + ".shares");
  const std::string mixed =
      emitter.Node("MatMul", {shares, values}, {}, name() + ".mixed");  // [B, heads, T, columns]
  const std::string by_day = emitter.Node(
      "Transpose", {mixed}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}, name() + ".by_day");
  const std::string flat = OnnxReshape(emitter, by_day, {-1, width}, name() + ".flat");
  OnnxReshapeTo(emitter, output(),
                OnnxLinear(emitter, flat, weights_.output, std::nullopt, name() + ".out"));
  return absl::OkStatus();
}

}  // namespace caravan::model
