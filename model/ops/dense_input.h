// The dense features of the input as a value: [D]. No gradient.
#ifndef CARAVAN_MODEL_OPS_DENSE_INPUT_H_
#define CARAVAN_MODEL_OPS_DENSE_INPUT_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

class DenseInput final : public TypedOp<DenseInput> {
 public:
  using TypedOp::TypedOp;
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;
};

ValueId AddDenseInput(Graph& graph, const std::string& name);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_DENSE_INPUT_H_
