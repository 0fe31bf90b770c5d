// The mean over the rows of a sample: [rows, width] to [width].
#ifndef CARAVAN_MODEL_OPS_MEAN_POOL_H_
#define CARAVAN_MODEL_OPS_MEAN_POOL_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

class MeanPool final : public TypedOp<MeanPool> {
 public:
  MeanPool(std::string name, ValueId input, ValueId output, uint32_t rows, uint32_t width);
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  uint32_t rows_;
  uint32_t width_;
};

ValueId AddMeanPool(Graph& graph, const std::string& name, ValueId input);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_MEAN_POOL_H_
