#include "ps/optimizers/adagrad.h"

#include <algorithm>
#include <cmath>

namespace caravan::ps {

Adagrad::Adagrad(const conf::Adagrad& config)
    : learning_rate_(static_cast<float>(config.learning_rate())),
      initial_accumulator_(static_cast<float>(config.initial_accumulator())),
      epsilon_(static_cast<float>(config.epsilon())) {}

uint32_t Adagrad::slots_per_weight() const { return 1; }

void Adagrad::InitialSlots(std::span<const float>, std::span<float> slots) const {
  std::fill(slots.begin(), slots.end(), initial_accumulator_);
}

void Adagrad::Update(std::span<const float> gradient, float rate_scale, uint32_t,
                     std::span<float> weights, std::span<float> slots) const {
  const size_t n = weights.size();
  const float rate = learning_rate_ * rate_scale;
  const float epsilon = epsilon_;
  const float* __restrict g = gradient.data();
  float* __restrict w = weights.data();
  float* __restrict a = slots.data();
  for (size_t i = 0; i < n; ++i) {
    a[i] += g[i] * g[i];
    // 0 / 0 where accumulator, epsilon and gradient are all zero: such a step moves nothing.
    const float denominator = std::sqrt(a[i]) + epsilon;
    w[i] -= denominator > 0 ? rate * g[i] / denominator : 0.0F;
  }
}

}  // namespace caravan::ps
