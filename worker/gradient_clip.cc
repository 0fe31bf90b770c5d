#include "worker/gradient_clip.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <glog/logging.h>

#include "base/vector_clones.h"

namespace caravan::worker {
namespace {

CARAVAN_VECTOR_CLONES bool Clip(const float* in, size_t count, float bound, float* out) {
  // Branch-free, so that it becomes vector code: an exponent of all ones is NaN or infinity.
  uint32_t not_finite = 0;
  for (size_t i = 0; i < count; ++i) {
    const float value = in[i];
    const uint32_t exponent = std::bit_cast<uint32_t>(value) & 0x7f800000U;
    not_finite |= static_cast<uint32_t>(exponent == 0x7f800000U);
    const float from_below = value < -bound ? -bound : value;
    out[i] = from_below > bound ? bound : from_below;
  }
  return not_finite == 0;
}

}  // namespace

bool ClipGradient(std::span<const float> gradient, float limit, std::span<float> clipped) {
  CHECK_EQ(gradient.size(), clipped.size());
  const float bound = limit > 0 ? limit : std::numeric_limits<float>::max();
  return Clip(gradient.data(), gradient.size(), bound, clipped.data());
}

size_t FirstNotFinite(std::span<const float> gradient) {
  for (size_t i = 0; i < gradient.size(); ++i) {
    if (!std::isfinite(gradient[i])) return i;
  }
  return gradient.size();
}

}  // namespace caravan::worker
