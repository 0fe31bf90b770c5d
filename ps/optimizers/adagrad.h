// Adagrad (Duchi, Hazan and Singer, JMLR 2011): a += g^2;  w -= rate * g / (sqrt(a) + epsilon)
// Slots: a [n], which starts at initial_accumulator.
#ifndef CARAVAN_PS_OPTIMIZERS_ADAGRAD_H_
#define CARAVAN_PS_OPTIMIZERS_ADAGRAD_H_

#include "conf/job.pb.h"
#include "ps/optimizers/optimizer.h"

namespace caravan::ps {

class Adagrad final : public Optimizer {
 public:
  explicit Adagrad(const conf::Adagrad& config);

  uint32_t slots_per_weight() const override;
  void InitialSlots(std::span<const float> weights, std::span<float> slots) const override;
  void Update(std::span<const float> gradient, float rate_scale, uint32_t step,
              std::span<float> weights, std::span<float> slots) const override;

 private:
  float learning_rate_;
  float initial_accumulator_;
  float epsilon_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_OPTIMIZERS_ADAGRAD_H_
