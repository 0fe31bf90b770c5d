#include "ps/optimizers/adam.h"

#include <algorithm>
#include <cmath>

#include "base/vector_clones.h"

namespace caravan::ps {
namespace {

constexpr uint32_t kCorrections = 16384;  // later ones are as good as 1, and computed

struct Decay {
  float beta1;
  float beta2;
  float one_less_beta1;
  float one_less_beta2;
  float epsilon;
};

// gradient, weights, m, v: [n].
CARAVAN_VECTOR_CLONES void Step(const Decay& decay, float rate, const float* __restrict gradient,
                                size_t n, float* __restrict w, float* __restrict m,
                                float* __restrict v) {
  const auto [beta1, beta2, one_less_beta1, one_less_beta2, epsilon] = decay;
  for (size_t i = 0; i < n; ++i) {
    const float g = gradient[i];
    m[i] = beta1 * m[i] + one_less_beta1 * g;
    v[i] = beta2 * v[i] + one_less_beta2 * (g * g);
    w[i] -= rate * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

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
  const Decay decay = {static_cast<float>(beta1_), static_cast<float>(beta2_),
                       static_cast<float>(1.0 - beta1_), static_cast<float>(1.0 - beta2_),
                       epsilon_};
  Step(decay, rate, gradient.data(), n, weights.data(), slots.data(), slots.data() + n);
}

}  // namespace caravan::ps
