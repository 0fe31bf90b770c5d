#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"
#include "model/ops/task_alignment.h"

namespace caravan::model {

absl::Status TaskAlignment::EmitOnnx(OnnxEmitter& emitter) const {
  const int64_t m = sizes_.tasks;
  const int64_t tokens = sizes_.tokens;
  const int64_t d = sizes_.width;
  const std::string weight = emitter.ParameterName(weights_.weight);
  // A and C of W = [A | C], turned around.
  const auto half = [&](uint32_t first, const std::string& hint) {
    const std::string columns =
        OnnxColumns(emitter, weight, {first, sizes_.width}, 2 * sizes_.width, hint);
    return emitter.Node("Transpose", {columns}, {}, hint + ".transposed");
  };
  const std::string p =
      OnnxReshape(emitter, emitter.ValueName(inputs()[0]), {-1, tokens, d}, name() + ".tokens");
  const std::string u =
      emitter.Node("MatMul", {p, half(0, name() + ".token_map")}, {}, name() + ".u");
  const std::string mapped_tasks = emitter.Node(
      "MatMul", {emitter.ValueName(inputs()[1]), half(sizes_.width, name() + ".task_map")}, {},
      name() + ".mapped_tasks");
  const std::string c =
      emitter.Node("Add", {mapped_tasks, emitter.ParameterName(weights_.bias)}, {}, name() + ".c");
  const std::string sums =
      emitter.Node("Add",
                   {OnnxReshape(emitter, u, {-1, 1, tokens, d}, name() + ".u_of_all_tasks"),
                    OnnxReshape(emitter, c, {1, m, 1, d}, name() + ".c_of_all_tokens")},
                   {}, name() + ".sums");  // [B, m, J, d]
  const std::string hidden = emitter.Node("Tanh", {sums}, {}, name() + ".hidden");
  const std::string scores =
      emitter.Node("MatMul", {hidden, emitter.ParameterName(weights_.vector)}, {},
                   name() + ".scores");  // [B, m, J]
  const std::string shares =
      emitter.Node("Softmax", {scores}, {{"axis", int64_t{-1}}}, name() + ".shares");
  OnnxReshapeTo(emitter, output(), emitter.Node("MatMul", {shares, p}, {}, name() + ".mixed"));
  return absl::OkStatus();
}

}  // namespace caravan::model
