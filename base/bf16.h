// Floats of 16 bits: the upper half of an f32 (sign, all of the exponent, 7 bits of the mantissa),
// rounded to the nearest, halves to even. NaN stays NaN; what is beyond the largest becomes
// infinite.
#ifndef CARAVAN_BASE_BF16_H_
#define CARAVAN_BASE_BF16_H_

#include <bit>
#include <cstdint>
#include <span>

namespace caravan {

inline float FromBf16(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16U);
}

inline uint16_t ToBf16(float value) {
  constexpr uint32_t kInfinity = 0x7f800000U;
  constexpr uint32_t kSignless = 0x7fffffffU;
  constexpr uint16_t kQuietNan = 0x7fc0U;
  const auto bits = std::bit_cast<uint32_t>(value);
  // Rounds up where the lower half is above its middle, or on it and the upper half is odd.
  const uint32_t up = 0x7fffU + (bits >> 16U & 1U);
  const bool nan = (bits & kSignless) > kInfinity;
  return nan ? kQuietNan : static_cast<uint16_t>((bits + up) >> 16U);
}

// values and rounded: of one length.
void RoundToBf16(std::span<const float> values, std::span<uint16_t> rounded);
// The same, each as the float that it stands for.
void RoundToBf16(std::span<const float> values, std::span<float> rounded);

}  // namespace caravan

#endif  // CARAVAN_BASE_BF16_H_
