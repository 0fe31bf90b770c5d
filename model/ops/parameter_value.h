// A parameter as a value that is the same for all samples (the task embeddings of M2M eq. 7).
#ifndef CARAVAN_MODEL_OPS_PARAMETER_VALUE_H_
#define CARAVAN_MODEL_OPS_PARAMETER_VALUE_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

class ParameterValue final : public TypedOp<ParameterValue> {
 public:
  ParameterValue(std::string name, ValueId output, ParameterId parameter);
  ParameterId parameter() const { return parameter_; }

  FlopCount CountFlops(uint32_t batch) const override;
  bool follows_from_attributes() const override { return true; }
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  ParameterId parameter_;
};

ValueId AddParameterValue(Graph& graph, const std::string& name, ParameterId parameter);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_PARAMETER_VALUE_H_
