// Stochastic gradient descent with Polyak's heavy ball (USSR Comp. Math. 4, 1964):
//   u = momentum u + g;  w -= rate * u
// Slots: u [n]; none where momentum is 0.
#ifndef CARAVAN_PS_OPTIMIZERS_SGD_H_
#define CARAVAN_PS_OPTIMIZERS_SGD_H_

#include "conf/job.pb.h"
#include "ps/optimizers/optimizer.h"

namespace caravan::ps {

class Sgd final : public Optimizer {
 public:
  explicit Sgd(const conf::Sgd& config);

  uint32_t slots_per_weight() const override;
  void InitialSlots(std::span<const float> weights, std::span<float> slots) const override;
  void Update(std::span<const float> gradient, float rate_scale, uint32_t step,
              std::span<float> weights, std::span<float> slots) const override;

 private:
  float learning_rate_;
  float momentum_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_OPTIMIZERS_SGD_H_
