// FTRL-Proximal (McMahan et al., KDD 2013, algorithm 1), rate as alpha:
//   a += g^2;  d' = (beta + sqrt(a)) / rate;  sigma = d' - d;  z += g - sigma w;  d = d'
//   w = 0 where |z| <= lambda1, else -(z - sign(z) lambda1) / (d + lambda2)
// Slots: z [n], a [n], d [n]. The paper's sigma is (sqrt(a + g^2) - sqrt(a)) / rate, which is d' -
// d for a constant rate; d is kept so that a schedule's changing rate does not move w by itself. z
// starts so that it stands for the first value of w.
#ifndef CARAVAN_PS_OPTIMIZERS_FTRL_H_
#define CARAVAN_PS_OPTIMIZERS_FTRL_H_

#include "conf/job.pb.h"
#include "ps/optimizers/optimizer.h"

namespace caravan::ps {

class Ftrl final : public Optimizer {
 public:
  explicit Ftrl(const conf::Ftrl& config);

  uint32_t slots_per_weight() const override;
  void InitialSlots(std::span<const float> weights, std::span<float> slots) const override;
  void Update(std::span<const float> gradient, float rate_scale, uint32_t step,
              std::span<float> weights, std::span<float> slots) const override;

 private:
  float learning_rate_;
  float beta_;
  float lambda1_;
  float lambda2_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_OPTIMIZERS_FTRL_H_
