// Attention over the experts (M2M eq. 14-16):
//   a_ti = v^T h_ti,  alpha_t = softmax over the k experts,  R_t = sum_i alpha_ti E_i
// h: [m, k, n] (what the meta unit made of expert and task), E: [k, d], R: [m, d]; v: [n].
// Parameter <name>.v.
#ifndef CARAVAN_MODEL_OPS_EXPERT_MIXTURE_H_
#define CARAVAN_MODEL_OPS_EXPERT_MIXTURE_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

struct MixtureSizes {
  uint32_t tasks = 0;    // m
  uint32_t experts = 0;  // k
  uint32_t hidden = 0;   // n
  uint32_t width = 0;    // d
};

class ExpertMixture final : public TypedOp<ExpertMixture> {
 public:
  // inputs: h, E.
  ExpertMixture(std::string name, ValueId hidden, ValueId experts, ValueId output,
                ParameterId vector, MixtureSizes sizes);
  ParameterId vector() const { return vector_; }
  const MixtureSizes& sizes() const { return sizes_; }

  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  uint64_t SavedElements(uint32_t batch) const override;
  uint64_t ScratchElements(uint32_t batch) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  ParameterId vector_;
  MixtureSizes sizes_;
};

ValueId AddExpertMixture(Graph& graph, const std::string& name, ValueId hidden, ValueId experts);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_EXPERT_MIXTURE_H_
