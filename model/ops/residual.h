// y = LeakyReLU(a + b), elementwise; a, b, y of one shape (the tower's layers, M2M eq. 17-18).
#ifndef CARAVAN_MODEL_OPS_RESIDUAL_H_
#define CARAVAN_MODEL_OPS_RESIDUAL_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

class Residual final : public TypedOp<Residual> {
 public:
  Residual(std::string name, ValueId a, ValueId b, ValueId output, double slope);
  double slope() const { return slope_; }

  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  double slope_;
};

ValueId AddResidual(Graph& graph, const std::string& name, ValueId a, ValueId b, double slope);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_RESIDUAL_H_
