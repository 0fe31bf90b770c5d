#include "model/ops/pair_concat.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status PairConcat::EmitOnnx(OnnxEmitter& emitter) const {
  const int64_t k = experts_;
  const int64_t m = tasks_;
  const int64_t d = width_;
  const std::string experts =
      OnnxReshape(emitter, emitter.ValueName(inputs()[0]), {-1, 1, k, d}, name() + ".expert");
  const std::string expert_pairs =
      emitter.Node("Expand", {experts, emitter.Integers({1, m, 1, 1})}, {}, name() + ".experts");
  const std::string tasks =
      OnnxReshape(emitter, emitter.ValueName(inputs()[1]), {1, m, 1, d}, name() + ".task");
  const std::string extents = emitter.Node("Shape", {expert_pairs}, {}, name() + ".extents");
  const std::string task_pairs = emitter.Node("Expand", {tasks, extents}, {}, name() + ".tasks");
  emitter.NodeTo(output(), "Concat", {expert_pairs, task_pairs}, {{"axis", int64_t{3}}});
  return absl::OkStatus();
}

}  // namespace caravan::model
