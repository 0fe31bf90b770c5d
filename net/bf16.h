// Floats of 16 bits (base/bf16.h) on the wire.
#ifndef CARAVAN_NET_BF16_H_
#define CARAVAN_NET_BF16_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/bf16.h"
#include "net/message.h"

namespace caravan::net {

// Rounds with error feedback (Seide et al., INTERSPEECH 2014): values[i] + residual[i] is rounded,
// and residual[i] becomes what rounding took from it, so that nothing is lost over many calls. All
// of one length. False where a rounded value is not finite: rounded and residual are not to be used
// then.
bool RoundWithFeedback(std::span<const float> values, std::span<float> residual,
                       std::span<uint16_t> rounded);

// Frame `index`, bf16[], as floats in `storage`. Errors as FloatFrame's.
absl::StatusOr<std::span<const float>> Bf16Frame(const Message& message, size_t index,
                                                 std::vector<float>& storage);

}  // namespace caravan::net

#endif  // CARAVAN_NET_BF16_H_
