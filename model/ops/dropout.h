// Dropout (Srivastava et al., JMLR 15, 2014): in training each element is left out with the given
// probability and else scaled by 1 / (1 - probability); everywhere else the output is the input.
#ifndef CARAVAN_MODEL_OPS_DROPOUT_H_
#define CARAVAN_MODEL_OPS_DROPOUT_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

// What is dropped follows from Frame::dropout_seed, the op's output and the sample's place in the
// batch, so that it does not depend on how a batch is split, and Backward draws it again.
class Dropout final : public TypedOp<Dropout> {
 public:
  Dropout(std::string name, ValueId input, ValueId output, double probability);
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  // Calls kept(i) for each element of the frame that is not left out.
  template <typename T, typename Kept>
  void Draw(const Frame<T>& frame, size_t elements, Kept kept) const;

  uint32_t dropped_below_;  // of 16 random bits
  double scale_;
};

// probability: [0, 1). At 0 there is no op, and `input` is returned.
ValueId AddDropout(Graph& graph, const std::string& name, ValueId input, double probability);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_DROPOUT_H_
