#include "model/ops/meta_layer.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status MetaLayer::EmitOnnx(OnnxEmitter& emitter) const {
  const int64_t n = sizes_.width;
  const int64_t rows = sizes_.rows * sizes_.views;  // of a group, once experts and views are paired
  const auto groups = static_cast<int64_t>(groups_.size());
  const std::vector<int64_t> swapped = {0, 2, 1};
  const std::string scenario = emitter.ValueName(inputs()[1]);
  std::string grouped = emitter.ValueName(inputs()[0]);
  if (has_views()) {
    const OnnxPairShape shape = {sizes_.rows, sizes_.input, groups * sizes_.views,
                                 n - sizes_.input};
    grouped = OnnxPairs(emitter, grouped, emitter.ValueName(inputs()[2]), shape, name() + ".pairs");
  }
  if (groups > 1) grouped = OnnxReshape(emitter, grouped, {-1, groups, rows, n}, name() + ".in");
  std::vector<std::string> outputs;  // of each group: [B, 1, R, n]
  for (int64_t g = 0; g < groups; ++g) {
    const MetaWeights& weights = groups_[g];
    const std::string h = groups > 1
                              ? OnnxGroup(emitter, grouped, g, rows, n, name())
                              : OnnxReshape(emitter, grouped, {-1, rows, n}, name() + ".rows");
    const std::string flat_w =
        OnnxLinear(emitter, scenario, weights.weight_map, weights.weight_start, name() + ".flat_w");
    const std::string w = OnnxReshape(emitter, flat_w, {-1, n, n}, name() + ".w");
    const std::string flat_b =
        OnnxLinear(emitter, scenario, weights.bias_map, weights.bias_start, name() + ".flat_b");
    const std::string b = OnnxReshape(emitter, flat_b, {-1, 1, n}, name() + ".b");
    // (W h^T)^T rather than h W^T: it turns R * n numbers around, not n * n.
    const std::string h_columns =
        emitter.Node("Transpose", {h}, {{"perm", swapped}}, name() + ".h_columns");
    const std::string y_columns = emitter.Node("MatMul", {w, h_columns}, {}, name() + ".y_columns");
    const std::string y =
        emitter.Node("Transpose", {y_columns}, {{"perm", swapped}}, name() + ".y");
    const std::string sum = emitter.Node("Add", {y, b}, {}, name() + ".sum");
    const std::string active = emitter.Node(
        "LeakyRelu", {sum}, {{"alpha", static_cast<float>(sizes_.slope)}}, name() + ".activation");
    outputs.push_back(OnnxReshape(emitter, active, {-1, 1, rows, n}, name() + ".out"));
  }
  const std::string all =
      emitter.Node("Concat", std::move(outputs), {{"axis", int64_t{1}}}, name() + ".groups");
  OnnxReshapeTo(emitter, output(), all);
  return absl::OkStatus();
}

}  // namespace caravan::model
