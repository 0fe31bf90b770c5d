#include "ps/optimizers/adam.h"

#include <algorithm>
#include <cmath>

namespace caravan::ps {
namespace {

constexpr uint32_t kCorrections = 16384;  // later ones are as good as 1, and computed

float CorrectionOf(double beta1, double beta2, uint32_t step) {
  const double t = step;
  return static_cast<float>(std::sqrt(1.0 - std::pow(beta2, t)) / (1.0 - std::pow(beta1, t)));
}

}  // namespace

Adam::Adam(const conf::Adam& config)
    : beta1_(config.beta1()),
      beta2_(config.beta2()),
      learning_rate_(static_cast<float>(config.learning_rate())),
      epsilon_(static_cast<float>(config.epsilon())),
      corrections_(kCorrections) {}

float Adam::Correction(uint32_t step) const {
  if (step >= kCorrections) return CorrectionOf(beta1_, beta2_, step);
  float& correction = corrections_[step];
  if (correction == 0) correction = CorrectionOf(beta1_, beta2_, step);
  return correction;
}

uint32_t Adam::slots_per_weight() const { return 2; }

void Adam::InitialSlots(std::span<const float>, std::span<float> slots) const {
  std::fill(slots.begin(), slots.end(), 0.0F);
}

void Adam::Update(std::span<const float> gradient, float rate_scale, uint32_t step,
                  std::span<float> weights, std::span<float> slots) const {
  const size_t n = weights.size();
  const float rate = learning_rate_ * rate_scale * Correction(step);
  const float beta1 = static_cast<float>(beta1_);
  const float beta2 = static_cast<float>(beta2_);
  const float one_less_beta1 = static_cast<float>(1.0 - beta1_);
  const float one_less_beta2 = static_cast<float>(1.0 - beta2_);
  const float epsilon = epsilon_;
  const float* __restrict g = gradient.data();
  float* __restrict w = weights.data();
  float* __restrict m = slots.data();
  float* __restrict v = slots.data() + n;
  for (size_t i = 0; i < n; ++i) {
    m[i] = beta1 * m[i] + one_less_beta1 * g[i];
    v[i] = beta2 * v[i] + one_less_beta2 * (g[i] * g[i]);
    w[i] -= rate * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

}  // namespace caravan::ps
