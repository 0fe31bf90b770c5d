#include "net/bf16.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace caravan::net {
namespace {

constexpr uint32_t kHalfBits = 16;
constexpr uint32_t kInfinity = 0x7f800000U;

}  // namespace

bool RoundWithFeedback(std::span<const float> values, std::span<float> residual,
                       std::span<uint16_t> rounded) {
  uint32_t not_finite = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float wanted = values[i] + residual[i];
    const uint16_t sent = ToBf16(wanted);
    rounded[i] = sent;
    residual[i] = wanted - FromBf16(sent);
    const uint32_t exponent = static_cast<uint32_t>(sent) << kHalfBits & kInfinity;
    not_finite |= static_cast<uint32_t>(exponent == kInfinity);
  }
  return not_finite == 0;
}

absl::StatusOr<std::span<const float>> Bf16Frame(const Message& message, size_t index,
                                                 std::vector<float>& storage) {
  if (index >= message.frames.size()) {
    return absl::InvalidArgumentError(
        fmt::format("frame {} (bf16[]) is missing: {} frames came", index, message.frames.size()));
  }
  const Frame& frame = message.frames[index];
  if (frame.size() % sizeof(uint16_t) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("frame {} has {} bytes, which is no multiple of {} (bf16[])", index,
                    frame.size(), sizeof(uint16_t)));
  }
  storage.resize(frame.size() / sizeof(uint16_t));
  const auto* bytes = static_cast<const std::byte*>(frame.data());
  for (size_t i = 0; i < storage.size(); ++i) {
    uint16_t value = 0;
    std::memcpy(&value, bytes + i * sizeof(value), sizeof(value));
    storage[i] = FromBf16(value);
  }
  return std::span<const float>(storage);
}

}  // namespace caravan::net
