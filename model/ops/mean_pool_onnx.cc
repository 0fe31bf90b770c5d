#include "model/ops/mean_pool.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status MeanPool::EmitOnnx(OnnxEmitter& emitter) const {
  const std::string rows = OnnxReshape(emitter, emitter.ValueName(inputs()[0]),
                                       {-1, int64_t{rows_}, int64_t{width_}}, name() + ".rows");
  emitter.NodeTo(output(), "ReduceMean", {rows},
                 {{"axes", std::vector<int64_t>{1}}, {"keepdims", int64_t{0}}});
  return absl::OkStatus();
}

}  // namespace caravan::model
