// Columns of several tasks mixed linearly (Misra et al., CVPR 2016, eq. 1):
//   y_t = sum_u A_tu x_u,  A = A_0 + change        x, y: [m, d], A: [m, m]
// A_0 holds 0.9 on the diagonal and shares the rest of each row evenly; the change starts at zero
// and is what is trained. Parameter <name>.change.
#ifndef CARAVAN_MODEL_OPS_CROSS_STITCH_H_
#define CARAVAN_MODEL_OPS_CROSS_STITCH_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

class CrossStitch final : public TypedOp<CrossStitch> {
 public:
  CrossStitch(std::string name, ValueId input, ValueId output, ParameterId change, uint32_t tasks,
              uint32_t width);
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  uint64_t ScratchElements(uint32_t batch) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  double Start(uint32_t to, uint32_t from) const;  // of A_0
  // A in `scratch`: [m, m].
  template <typename T>
  void FillStitches(Frame<T>& frame, std::span<T> stitches) const;

  ParameterId change_;
  uint32_t tasks_;  // m
  uint32_t width_;  // d
};

ValueId AddCrossStitch(Graph& graph, const std::string& name, ValueId input);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_CROSS_STITCH_H_
