#include "model/onnx_emitter.h"
#include "model/onnx_shapes.h"
#include "model/ops/scenario_rows.h"

namespace caravan::model {

absl::Status ScenarioRows::EmitOnnx(OnnxEmitter& emitter) const {
  const int64_t groups = sizes_.groups;
  const int64_t rows = sizes_.rows;
  const auto cut = [&](size_t input, int64_t g, int64_t r, int64_t width, const char* hint) {
    return OnnxReshape(emitter, emitter.ValueName(inputs()[input]), {-1, g, r, width},
                       name() + hint);
  };
  const std::string h = cut(0, groups, rows, sizes_.width, ".h");
  const std::string factors = cut(1, groups, rows, sizes_.rank, ".factors");
  const std::string gates = cut(2, groups, 1, sizes_.rank, ".gates");
  const std::string scenario = cut(3, 1, 1, sizes_.scenario, ".scenario");
  const std::string gated = emitter.Node("Mul", {factors, gates}, {}, name() + ".gated");
  // Repeated for every row by broadcasting.
  const std::string ones =
      emitter.Floats(std::vector<float>(groups * rows, 1.0F), {1, groups, rows, 1});
  const std::string repeated = emitter.Node("Mul", {scenario, ones}, {}, name() + ".repeated");
  const std::string joined =
      emitter.Node("Concat", {h, gated, repeated}, {{"axis", int64_t{3}}}, name() + ".joined");
  OnnxReshapeTo(emitter, output(), joined);
  return absl::OkStatus();
}

}  // namespace caravan::model
