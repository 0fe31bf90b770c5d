// Adam (Kingma and Ba, ICLR 2015), algorithm 1 in the form of its section 2 (epsilon-hat):
//   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   w -= rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)
// Slots: m [n], v [n].
#ifndef CARAVAN_PS_OPTIMIZERS_ADAM_H_
#define CARAVAN_PS_OPTIMIZERS_ADAM_H_

#include <vector>

#include "conf/job.pb.h"
#include "ps/optimizers/optimizer.h"

namespace caravan::ps {

class Adam final : public Optimizer {
 public:
  explicit Adam(const conf::Adam& config);

  uint32_t slots_per_weight() const override;
  void InitialSlots(std::span<const float> weights, std::span<float> slots) const override;
  void Update(std::span<const float> gradient, float rate_scale, uint32_t step,
              std::span<float> weights, std::span<float> slots) const override;

 private:
  // sqrt(1 - b2^t) / (1 - b1^t)
  float Correction(uint32_t step) const;

  double beta1_;
  double beta2_;
  float learning_rate_;
  float epsilon_;
  mutable std::vector<float> corrections_;  // by step, the first ones; 0: not computed yet
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_OPTIMIZERS_ADAM_H_
