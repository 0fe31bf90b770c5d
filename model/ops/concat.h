// The inputs, flattened, one behind the other: [sum of their elements], or of another shape of as
// many. All per sample.
#ifndef CARAVAN_MODEL_OPS_CONCAT_H_
#define CARAVAN_MODEL_OPS_CONCAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/op.h"

namespace caravan::model {

class Concat final : public TypedOp<Concat> {
 public:
  Concat(std::string name, std::vector<ValueId> inputs, ValueId output,
         std::vector<uint64_t> widths);
  FlopCount CountFlops(uint32_t batch) const override;
  bool follows_from_attributes() const override { return true; }
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  std::vector<uint64_t> widths_;  // elements of each input
};

ValueId AddConcat(Graph& graph, const std::string& name, const std::vector<ValueId>& inputs,
                  Shape shape = {});

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_CONCAT_H_
