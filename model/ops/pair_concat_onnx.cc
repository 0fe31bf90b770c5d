#include "model/ops/pair_concat.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status PairConcat::EmitOnnx(OnnxEmitter& emitter) const {
  const OnnxPairShape shape = {experts_, width_, tasks_, width_};
  const std::string pairs = OnnxPairs(emitter, emitter.ValueName(inputs()[0]),
                                      emitter.ValueName(inputs()[1]), shape, name() + ".pairs");
  OnnxReshapeTo(emitter, output(), pairs);
  return absl::OkStatus();
}

}  // namespace caravan::model
