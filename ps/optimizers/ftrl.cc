#include "ps/optimizers/ftrl.h"

#include <cmath>

namespace caravan::ps {

Ftrl::Ftrl(const conf::Ftrl& config)
    : learning_rate_(static_cast<float>(config.learning_rate())),
      beta_(static_cast<float>(config.beta())),
      lambda1_(static_cast<float>(config.lambda1())),
      lambda2_(static_cast<float>(config.lambda2())) {}

uint32_t Ftrl::slots_per_weight() const { return 3; }

void Ftrl::InitialSlots(std::span<const float> weights, std::span<float> slots) const {
  const size_t n = weights.size();
  const float d = learning_rate_ > 0 ? beta_ / learning_rate_ : 0.0F;
  for (size_t i = 0; i < n; ++i) {
    const float w = weights[i];
    slots[i] = w == 0 ? 0.0F : -w * (d + lambda2_) - std::copysign(lambda1_, w);
    slots[n + i] = 0;
    slots[2 * n + i] = d;
  }
}

void Ftrl::Update(std::span<const float> gradient, float rate_scale, uint32_t,
                  std::span<float> weights, std::span<float> slots) const {
  const size_t n = weights.size();
  const float rate = learning_rate_ * rate_scale;
  if (!(rate > 0)) return;  // the start of a warmup: nothing moves, and 1 / rate is no number
  const float beta = beta_;
  const float lambda1 = lambda1_;
  const float lambda2 = lambda2_;
  const float* __restrict g = gradient.data();
  float* __restrict w = weights.data();
  float* __restrict z = slots.data();
  float* __restrict a = slots.data() + n;
  float* __restrict d = slots.data() + 2 * n;
  for (size_t i = 0; i < n; ++i) {
    a[i] += g[i] * g[i];
    const float d_new = (beta + std::sqrt(a[i])) / rate;
    z[i] += g[i] - (d_new - d[i]) * w[i];
    d[i] = d_new;
    const float shrunk = z[i] - std::copysign(lambda1, z[i]);
    const float denominator = d_new + lambda2;
    w[i] = std::fabs(z[i]) <= lambda1 || denominator <= 0 ? 0.0F : -shrunk / denominator;
  }
}

}  // namespace caravan::ps
