// A linear map of rows, with bias and LeakyReLU as options:
//   y_r = f(W x_r + b)        x: [..., in], y: [..., out], W: [out, in], b: [out]
// With groups G > 1 the input is [G, ..., in] and each group has weights of its own.
// Parameters <name>.weight, <name>.bias; of groups <name>.<group>.weight, ...
#ifndef CARAVAN_MODEL_OPS_LINEAR_H_
#define CARAVAN_MODEL_OPS_LINEAR_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/gemm.h"
#include "model/op.h"

namespace caravan::model {

struct LinearWeights {
  ParameterId weight;
  std::optional<ParameterId> bias;
};

struct LinearSizes {
  uint32_t rows = 0;  // of a group in a sample
  uint32_t in = 0;
  uint32_t out = 0;
  std::optional<double> slope;  // of LeakyReLU; none: f(z) = z
};

class Linear final : public TypedOp<Linear> {
 public:
  Linear(std::string name, ValueId input, ValueId output, bool per_sample, LinearSizes sizes,
         std::vector<LinearWeights> groups);
  const LinearSizes& sizes() const { return sizes_; }
  const std::vector<LinearWeights>& groups() const { return groups_; }

  FlopCount CountFlops(uint32_t batch) const override;
  bool follows_from_attributes() const override { return true; }
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  bool TakesTurns() const override { return true; }
  uint64_t ScratchElements(uint32_t batch) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  uint64_t Samples(uint32_t batch) const { return per_sample_ ? batch : 1; }
  // Whether a group's rows do not lie at one stride, and are copied to be one product.
  bool copies() const { return groups_.size() > 1 && sizes_.rows > 1; }
  template <typename T>
  Matrix<T> RowsOf(T* data, uint32_t batch, size_t group, size_t width) const;
  template <typename T>
  Matrix<const T> Gathered(const T* data, uint32_t batch, size_t group, size_t width,
                           T* copy) const;

  bool per_sample_;
  LinearSizes sizes_;
  std::vector<LinearWeights> groups_;
};

struct LinearOptions {
  Shape shape;  // of the output
  uint32_t in = 0;
  uint32_t out = 0;
  bool bias = true;
  std::optional<double> slope;
  std::vector<std::string> groups;  // their names; empty: one set of weights
  // Deviation of the weights at the start; none: He-normal.
  std::optional<double> deviation;
};
ValueId AddLinear(Graph& graph, const std::string& name, ValueId input, LinearOptions options);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_LINEAR_H_
