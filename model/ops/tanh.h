// y = tanh(x), elementwise (the alignment attention of Zhao et al., KDD 2019).
#ifndef CARAVAN_MODEL_OPS_TANH_H_
#define CARAVAN_MODEL_OPS_TANH_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

class Tanh final : public TypedOp<Tanh> {
 public:
  using TypedOp::TypedOp;
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;
};

ValueId AddTanh(Graph& graph, const std::string& name, ValueId input);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_TANH_H_
