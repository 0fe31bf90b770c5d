// Averages of the weights that another optimizer updates, by polynomial decay (Shamir and Zhang,
// ICML 2013, "Stochastic gradient descent for non-smooth optimization", section 3):
//   a_t = (1 - (eta + 1) / (t + eta)) a_(t-1) + (eta + 1) / (t + eta) w_t
// so that w_t counts for about t^eta. t is the count of the row's or chunk's own updates: no time
// of a run at which averaging begins, and a rare row's average is over its few updates. Slots: the
// other optimizer's, then a [n].
#ifndef CARAVAN_PS_OPTIMIZERS_AVERAGING_H_
#define CARAVAN_PS_OPTIMIZERS_AVERAGING_H_

#include <memory>

#include "conf/job.pb.h"
#include "ps/optimizers/optimizer.h"

namespace caravan::ps {

class Averaging final : public Optimizer {
 public:
  Averaging(std::unique_ptr<Optimizer> optimizer, const conf::WeightAveraging& config);

  uint32_t slots_per_weight() const override;
  void InitialSlots(std::span<const float> weights, std::span<float> slots) const override;
  void Update(std::span<const float> gradient, float rate_scale, uint32_t step,
              std::span<float> weights, std::span<float> slots) const override;

 private:
  std::unique_ptr<Optimizer> optimizer_;
  double eta_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_OPTIMIZERS_AVERAGING_H_
