#include "model/onnx_shapes.h"

#include <utility>

namespace caravan::model {

std::vector<int64_t> OnnxShape(const OnnxEmitter& emitter, ValueId id) {
  const Value& value = emitter.graph().value(id);
  std::vector<int64_t> shape;
  if (value.per_sample) shape.push_back(-1);
  shape.insert(shape.end(), value.shape.begin(), value.shape.end());
  return shape;
}

std::string OnnxReshape(OnnxEmitter& emitter, const std::string& tensor, std::vector<int64_t> shape,
                        const std::string& hint) {
  return emitter.Node("Reshape", {tensor, emitter.Integers(std::move(shape))}, {}, hint);
}

void OnnxReshapeTo(OnnxEmitter& emitter, ValueId output, const std::string& tensor) {
  emitter.NodeTo(output, "Reshape", {tensor, emitter.Integers(OnnxShape(emitter, output))}, {});
}

std::string OnnxGroup(OnnxEmitter& emitter, const std::string& tensor, int64_t group, int64_t rows,
                      int64_t width, const std::string& hint) {
  const std::string picked = emitter.Node("Gather", {tensor, emitter.Integers({group})},
                                          {{"axis", int64_t{1}}}, hint + ".group");
  return OnnxReshape(emitter, picked, {-1, rows, width}, hint + ".rows");
}

std::string OnnxPairs(OnnxEmitter& emitter, const std::string& experts, const std::string& tasks,
                      const OnnxPairShape& shape, const std::string& hint) {
  const std::string expert =
      OnnxReshape(emitter, experts, {-1, 1, shape.experts, shape.expert_width}, hint + ".expert");
  const std::string expert_pairs = emitter.Node(
      "Expand", {expert, emitter.Integers({1, shape.tasks, 1, 1})}, {}, hint + ".experts");
  const std::string task =
      OnnxReshape(emitter, tasks, {1, shape.tasks, 1, shape.task_width}, hint + ".task");
  // The task's rows repeat over batch and experts, not over their own width.
  const std::string extents =
      emitter.Node("Shape", {expert_pairs}, {{"end", int64_t{3}}}, hint + ".outer_extents");
  const std::string all_extents = emitter.Node("Concat", {extents, emitter.Integers({1})},
                                               {{"axis", int64_t{0}}}, hint + ".extents");
  const std::string task_pairs = emitter.Node("Expand", {task, all_extents}, {}, hint + ".tasks");
  return emitter.Node("Concat", {expert_pairs, task_pairs}, {{"axis", int64_t{3}}}, hint);
}

std::string OnnxColumns(OnnxEmitter& emitter, const std::string& rows, RowColumns columns,
                        uint32_t row_width, const std::string& hint) {
  if (columns.width == row_width) return rows;
  return emitter.Node(
      "Slice",
      {rows, emitter.Integers({int64_t{columns.first}}),
       emitter.Integers({int64_t{columns.first} + columns.width}), emitter.Integers({-1})},
      {}, hint);
}

std::string OnnxLinear(OnnxEmitter& emitter, const std::string& x, ParameterId weight,
                       std::optional<ParameterId> bias, const std::string& hint) {
  std::vector<std::string> inputs = {x, emitter.ParameterName(weight)};
  if (bias.has_value()) inputs.push_back(emitter.ParameterName(*bias));
  return emitter.Node("Gemm", std::move(inputs), {{"transB", int64_t{1}}}, hint);
}

}  // namespace caravan::model
