#include "model/ops/linear.h"

#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"

namespace caravan::model {

absl::Status Linear::EmitOnnx(OnnxEmitter& emitter) const {
  const int64_t rows = sizes_.rows;
  const int64_t in = sizes_.in;
  const auto groups = static_cast<int64_t>(groups_.size());
  const std::string& input = emitter.ValueName(inputs()[0]);
  const int64_t batch = per_sample_ ? -1 : 1;
  std::string grouped;
  if (groups > 1) {
    grouped = OnnxReshape(emitter, input, {batch, groups, rows, in}, name() + ".in");
  }
  std::vector<std::string> outputs;  // of each group: [batch, rows, out]
  for (int64_t g = 0; g < groups; ++g) {
    const std::string x = groups > 1 ? OnnxGroup(emitter, grouped, g, rows, in, name()) : input;
    const std::string flat = OnnxReshape(emitter, x, {-1, in}, name() + ".flat");
    std::string y = OnnxLinear(emitter, flat, groups_[g].weight, groups_[g].bias, name() + ".sum");
    if (sizes_.slope.has_value()) {
      y = emitter.Node("LeakyRelu", {y}, {{"alpha", static_cast<float>(*sizes_.slope)}},
                       name() + ".activation");
    }
    if (groups > 1) {
      y = OnnxReshape(emitter, y, {batch, 1, rows, static_cast<int64_t>(sizes_.out)},
                      name() + ".out");
    }
    outputs.push_back(std::move(y));
  }
  std::string all = outputs[0];
  if (groups > 1) {
    all = emitter.Node("Concat", std::move(outputs), {{"axis", int64_t{1}}}, name() + ".groups");
  }
  OnnxReshapeTo(emitter, output(), all);
  return absl::OkStatus();
}

}  // namespace caravan::model
