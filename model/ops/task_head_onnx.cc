#include "model/ops/task_head.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status TaskHead::EmitOnnx(OnnxEmitter& emitter) const {
  const int64_t d = width_;
  const auto m = static_cast<int64_t>(tasks_.size());
  std::vector<std::string> weights;
  std::vector<std::string> biases;
  for (const HeadWeights& task : tasks_) {
    weights.push_back(
        OnnxReshape(emitter, emitter.ParameterName(task.weight), {1, d}, name() + ".row"));
    biases.push_back(
        OnnxReshape(emitter, emitter.ParameterName(task.bias), {1}, name() + ".start"));
  }
  const std::string all_weights =
      emitter.Node("Concat", std::move(weights), {{"axis", int64_t{0}}}, name() + ".rows");
  const std::string all_biases =
      emitter.Node("Concat", std::move(biases), {{"axis", int64_t{0}}}, name() + ".starts");
  const std::string x =
      OnnxReshape(emitter, emitter.ValueName(inputs()[0]), {-1, m, d}, name() + ".in");
  const std::string products = emitter.Node("Mul", {x, all_weights}, {}, name() + ".products");
  const std::string sums = emitter.Node("ReduceSum", {products, emitter.Integers({2})},
                                        {{"keepdims", int64_t{0}}}, name() + ".sums");
  emitter.NodeTo(output(), "Add", {sums, all_biases}, {});
  return absl::OkStatus();
}

}  // namespace caravan::model
