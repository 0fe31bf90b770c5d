// The loss of each sample and task (M2M eq. 19-20), from z, so that log y is never taken of a
// rounded y:
//   Poisson:        l = y_hat - y log y_hat     (no log y!: it can be negative)
//   cross-entropy:  l = softplus(z) - y z
// z, l: [m], y the input's labels. Gradient: lambda_t / B * dl/dz, lambda_t times the factor of the
// sample's scenario where the task has such, and times what the executor found for the
// sample (Frame::sample_factors). Not part of an export.
#ifndef CARAVAN_MODEL_OPS_LOSS_H_
#define CARAVAN_MODEL_OPS_LOSS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/op.h"
#include "model/ops/link.h"

namespace caravan::model {

class Loss final : public TypedOp<Loss> {
 public:
  Loss(std::string name, ValueId input, ValueId output, std::span<const GraphTask> tasks);
  FlopCount CountFlops(uint32_t batch) const override;
  bool needs_labels() const override { return true; }
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  std::vector<LinkKind> kinds_;
  std::vector<double> lambdas_;
  size_t scenarios_ = 0;         // 0: no task has factors
  std::vector<double> factors_;  // [scenarios, tasks]
};

ValueId AddLoss(Graph& graph, const std::string& name, ValueId input);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_LOSS_H_
