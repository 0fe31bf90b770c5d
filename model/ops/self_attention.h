// Multi-head self-attention over the days of a sample (M2M eq. 2-4; Vaswani et al. 2017), without
// feed-forward, residual, norm or bias. With x: [T, w], c = w / heads, head h's columns
// h*c..(h+1)*c:
//   Q = x Wq^T, K = x Wk^T, V = x Wv^T                          [T, w] each
//   P_h = softmax(Q_h K_h^T / sqrt(c)), by row                  [T, T]
//   y = [P_0 V_0 | P_1 V_1 | ...] Wo^T                          [T, w]
// (The paper prints V inside the softmax: a misprint.)
//
// A few samples at a time go through all of it, forward and backward, so that what lies between is
// read from the second-level cache: Q, K and V are one product [days, w] x [w, 3w], and the
// gradients of their weights one of [3w, days] x [days, w], added up over these blocks of samples.
// Parameters <name>.query.weight, .key.weight, .value.weight, .output.weight: [w, w], row = output.
#ifndef CARAVAN_MODEL_OPS_SELF_ATTENTION_H_
#define CARAVAN_MODEL_OPS_SELF_ATTENTION_H_

#include <cstdint>
#include <string>

#include "model/op.h"

namespace caravan::model {

struct AttentionWeights {
  ParameterId query;
  ParameterId key;
  ParameterId value;
  ParameterId output;
};

struct AttentionSizes {
  uint32_t days = 0;   // T
  uint32_t width = 0;  // w
  uint32_t heads = 0;
};

class SelfAttention final : public TypedOp<SelfAttention> {
 public:
  SelfAttention(std::string name, ValueId input, ValueId output, AttentionWeights weights,
                AttentionSizes sizes);
  const AttentionWeights& weights() const { return weights_; }
  const AttentionSizes& sizes() const { return sizes_; }

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
  struct Buffers;

  template <typename T>
  void Attend(const KernelSet<T>& kernels, const Kept<T>& kept, size_t sample, T* transposed) const;
  template <typename T>
  void AttendBackward(const KernelSet<T>& kernels, const Kept<T>& kept, size_t first, size_t sample,
                      const Buffers<T>& buffers) const;
  template <typename T>
  void BlockBackward(Frame<T>& frame, const Kept<T>& kept, size_t first, size_t end,
                     const Buffers<T>& buffers) const;

  AttentionWeights weights_;
  AttentionSizes sizes_;
};

ValueId AddSelfAttention(Graph& graph, const std::string& name, ValueId input, uint32_t heads);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_SELF_ATTENTION_H_
