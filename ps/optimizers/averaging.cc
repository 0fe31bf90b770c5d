#include "ps/optimizers/averaging.h"

#include <algorithm>
#include <utility>

#include "base/vector_clones.h"

namespace caravan::ps {
namespace {

// weights, averages: [n].
CARAVAN_VECTOR_CLONES void Blend(float share, const float* __restrict weights, size_t n,
                                 float* __restrict averages) {
  for (size_t i = 0; i < n; ++i) averages[i] += share * (weights[i] - averages[i]);
}

}  // namespace

Averaging::Averaging(std::unique_ptr<Optimizer> optimizer, const conf::WeightAveraging& config)
    : optimizer_(std::move(optimizer)), eta_(config.eta()) {}

uint32_t Averaging::slots_per_weight() const { return optimizer_->slots_per_weight() + 1; }

void Averaging::InitialSlots(std::span<const float> weights, std::span<float> slots) const {
  const size_t own = slots.size() - weights.size();
  optimizer_->InitialSlots(weights, slots.first(own));
  std::ranges::copy(weights, slots.subspan(own).begin());
}

void Averaging::Update(std::span<const float> gradient, float rate_scale, uint32_t step,
                       std::span<float> weights, std::span<float> slots) const {
  const size_t own = slots.size() - weights.size();
  optimizer_->Update(gradient, rate_scale, step, weights, slots.first(own));
  const auto share = static_cast<float>((eta_ + 1) / (step + eta_));
  Blend(share, weights.data(), weights.size(), slots.data() + own);
}

}  // namespace caravan::ps
