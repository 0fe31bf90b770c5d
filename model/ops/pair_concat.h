// Every task's view beside every expert (M2M eq. 14):
//   y[b, t, i] = [E[b, i] | T[t]]       E: [k, d], T: [m, d] the same for all samples, y: [m, k,
//   2d]
#ifndef CARAVAN_MODEL_OPS_PAIR_CONCAT_H_
#define CARAVAN_MODEL_OPS_PAIR_CONCAT_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

class PairConcat final : public TypedOp<PairConcat> {
 public:
  PairConcat(std::string name, ValueId experts, ValueId tasks, ValueId output,
             uint32_t expert_count, uint32_t task_count, uint32_t width);
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  uint32_t experts_;  // k
  uint32_t tasks_;    // m
  uint32_t width_;    // d
};

ValueId AddPairConcat(Graph& graph, const std::string& name, ValueId experts, ValueId tasks);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_PAIR_CONCAT_H_
