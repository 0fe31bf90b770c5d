// Alignment attention from each task to the tokens of a sample (Zhao et al., KDD 2019):
//   a_tj = v^T tanh(W [p_j | T_t] + b),  alpha_t = softmax over the J tokens,
//   R_t = sum_j alpha_tj p_j
// p: [J, d], T: [m, d] the same for all samples, R: [m, d]; W: [d, 2d], b, v: [d].
// Parameters <name>.weight, <name>.bias, <name>.v.
//
// With W = [A | C] the map of a pair is a sum, W [p_j | T_t] + b = u_j + c_t: u_j = A p_j is needed
// once for all tasks, one product over the batch, and c_t = C T_t + b once for all samples. What is
// left for a pair is elementwise, and its d numbers exist in registers alone. FLOPs a sample
// forward: 2 J d^2 where pairs written out take 4 m J d^2.
#ifndef CARAVAN_MODEL_OPS_TASK_ALIGNMENT_H_
#define CARAVAN_MODEL_OPS_TASK_ALIGNMENT_H_

#include <cstdint>
#include <string>

#include "model/kernels/kernels.h"
#include "model/op.h"

namespace caravan::model {

struct AlignmentWeights {
  ParameterId weight;  // W
  ParameterId bias;    // b
  ParameterId vector;  // v
};

struct AlignmentSizes {
  uint32_t tokens = 0;  // J
  uint32_t tasks = 0;   // m
  uint32_t width = 0;   // d
};

class TaskAlignment final : public TypedOp<TaskAlignment> {
 public:
  // inputs: p, T.
  TaskAlignment(std::string name, ValueId tokens, ValueId tasks, ValueId output,
                AlignmentWeights weights, AlignmentSizes sizes);

  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  bool TakesTurns() const override { return true; }
  uint64_t SavedElements(uint32_t batch) const override;
  uint64_t ScratchElements(uint32_t batch) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  template <typename T>
  struct Kept;
  template <typename T>
  struct Gradients;

  template <typename T>
  Alignment<T> Pairs(Frame<T>& frame, const Kept<T>& kept, size_t sample) const;
  template <typename T>
  void SampleBackward(Frame<T>& frame, const Kept<T>& kept, const Gradients<T>& gradients,
                      size_t sample) const;

  AlignmentWeights weights_;
  AlignmentSizes sizes_;
};

// tokens: [J, d]; tasks: [m, d], not per sample. The output is [m, d].
ValueId AddTaskAlignment(Graph& graph, const std::string& name, ValueId tokens, ValueId tasks);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_TASK_ALIGNMENT_H_
