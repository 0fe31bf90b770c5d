#include "base/bf16.h"

#include "base/vector_clones.h"

namespace caravan {
namespace {

CARAVAN_VECTOR_CLONES void Round(const float* __restrict values, size_t size,
                                 uint16_t* __restrict rounded) {
  for (size_t i = 0; i < size; ++i) rounded[i] = ToBf16(values[i]);
}

CARAVAN_VECTOR_CLONES void Round(const float* __restrict values, size_t size,
                                 float* __restrict rounded) {
  for (size_t i = 0; i < size; ++i) rounded[i] = FromBf16(ToBf16(values[i]));
}

}  // namespace

void RoundToBf16(std::span<const float> values, std::span<uint16_t> rounded) {
  Round(values.data(), values.size(), rounded.data());
}

void RoundToBf16(std::span<const float> values, std::span<float> rounded) {
  Round(values.data(), values.size(), rounded.data());
}

}  // namespace caravan
