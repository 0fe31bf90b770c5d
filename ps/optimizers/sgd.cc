#include "ps/optimizers/sgd.h"

#include <algorithm>

namespace caravan::ps {

Sgd::Sgd(const conf::Sgd& config)
    : learning_rate_(static_cast<float>(config.learning_rate())),
      momentum_(static_cast<float>(config.momentum())) {}

uint32_t Sgd::slots_per_weight() const { return momentum_ == 0 ? 0 : 1; }

void Sgd::InitialSlots(std::span<const float>, std::span<float> slots) const {
  std::fill(slots.begin(), slots.end(), 0.0F);
}

void Sgd::Update(std::span<const float> gradient, float rate_scale, uint32_t,
                 std::span<float> weights, std::span<float> slots) const {
  const size_t n = weights.size();
  const float rate = learning_rate_ * rate_scale;
  const float momentum = momentum_;
  const float* __restrict g = gradient.data();
  float* __restrict w = weights.data();
  if (momentum == 0) {
    for (size_t i = 0; i < n; ++i) w[i] -= rate * g[i];
    return;
  }
  float* __restrict u = slots.data();
  for (size_t i = 0; i < n; ++i) {
    u[i] = momentum * u[i] + g[i];
    w[i] -= rate * u[i];
  }
}

}  // namespace caravan::ps
