#include "model/onnx_emitter.h"
#include "model/ops/cross_stitch.h"

namespace caravan::model {

absl::Status CrossStitch::EmitOnnx(OnnxEmitter& emitter) const {
  std::vector<float> starts;
  for (uint32_t to = 0; to < tasks_; ++to) {
    for (uint32_t from = 0; from < tasks_; ++from) {
      starts.push_back(static_cast<float>(Start(to, from)));
    }
  }
  const int64_t m = tasks_;
  const std::string stitches = emitter.Node(
      "Add", {emitter.Floats(std::move(starts), {m, m}), emitter.ParameterName(change_)}, {},
      name() + ".stitches");
  emitter.NodeTo(output(), "MatMul", {stitches, emitter.ValueName(inputs()[0])}, {});
  return absl::OkStatus();
}

}  // namespace caravan::model
