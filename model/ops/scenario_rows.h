// What a low-rank meta layer multiplies by its weights (model/ops/low_rank_layer.h): each row
// beside what it makes of the scenario,
//   y(g, i) = [h(g, i) | u(g, i) * c(g) | S]      (* by element)
// h: [G, R, n], u: [G, R, r], c: [G, r], S: [s], y: [G, R, n + r + s].
#ifndef CARAVAN_MODEL_OPS_SCENARIO_ROWS_H_
#define CARAVAN_MODEL_OPS_SCENARIO_ROWS_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

struct ScenarioRowSizes {
  uint32_t groups = 0;    // G
  uint32_t rows = 0;      // R
  uint32_t width = 0;     // n
  uint32_t rank = 0;      // r
  uint32_t scenario = 0;  // s
};

class ScenarioRows final : public TypedOp<ScenarioRows> {
 public:
  // inputs: h, u, c, S.
  ScenarioRows(std::string name, std::vector<ValueId> inputs, ValueId output,
               ScenarioRowSizes sizes);
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  ScenarioRowSizes sizes_;
};

// h: [..., n]; its rows fall to the groups of `gates` [G, r], in order.
ValueId AddScenarioRows(Graph& graph, const std::string& name, ValueId h, ValueId factors,
                        ValueId gates, ValueId scenario);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_SCENARIO_ROWS_H_
