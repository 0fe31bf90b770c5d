// Experts mixed by a softmax gate a task (Ma et al., KDD 2018, eq. 6-7; Tang et al., RecSys 2020,
// eq. 5-7, where a task's gate sees some of the experts only):
//   g_t = softmax(z_t),  y_t = sum_j g_tj E_{c_tj}
// z: [m, g] of one linear map, E: [n, d], y: [m, d]; c_t: the g experts that task t's gate sees.
#ifndef CARAVAN_MODEL_OPS_GATED_MIXTURE_H_
#define CARAVAN_MODEL_OPS_GATED_MIXTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/op.h"

namespace caravan::model {

// By task: the experts that its gate sees, as many for each.
using GateChoices = std::vector<std::vector<uint32_t>>;

class GatedMixture final : public TypedOp<GatedMixture> {
 public:
  // inputs: z, E.
  GatedMixture(std::string name, ValueId gates, ValueId experts, ValueId output,
               GateChoices choices, uint32_t expert_count, uint32_t width);
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  uint64_t SavedElements(uint32_t batch) const override;
  uint64_t ScratchElements(uint32_t batch) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  uint32_t GateWidth() const { return static_cast<uint32_t>(choices_[0].size()); }  // g

  GateChoices choices_;
  uint32_t experts_;  // n
  uint32_t width_;    // d
};

ValueId AddGatedMixture(Graph& graph, const std::string& name, ValueId gates, ValueId experts,
                        GateChoices choices);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_GATED_MIXTURE_H_
