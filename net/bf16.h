// Floats of 16 bits on the wire: the upper half of an f32 (sign, all of the exponent, 7 bits of the
// mantissa), rounded to the nearest, halves to even.
#ifndef CARAVAN_NET_BF16_H_
#define CARAVAN_NET_BF16_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "net/message.h"

namespace caravan::net {

float FromBf16(uint16_t value);
// NaN stays NaN; what is beyond the largest becomes infinite.
uint16_t ToBf16(float value);

// values and rounded: of one length.
void RoundToBf16(std::span<const float> values, std::span<uint16_t> rounded);

// The same with error feedback (Seide et al., INTERSPEECH 2014): values[i] + residual[i] is
// rounded, and residual[i] becomes what rounding took from it, so that nothing is lost over many
// calls. All of one length. False where a rounded value is not finite: rounded and residual are not
// to be used then.
bool RoundToBf16(std::span<const float> values, std::span<float> residual,
                 std::span<uint16_t> rounded);

// Frame `index`, bf16[], as floats in `storage`. Errors as FloatFrame's.
absl::StatusOr<std::span<const float>> Bf16Frame(const Message& message, size_t index,
                                                 std::vector<float>& storage);

}  // namespace caravan::net

#endif  // CARAVAN_NET_BF16_H_
