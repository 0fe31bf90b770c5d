#include "base/random.h"

#include <cmath>
#include <numbers>

namespace caravan {

__extension__ using Wide = unsigned __int128;  // not ISO C++, but of both compilers

uint64_t RandomStream::NextBelow(uint64_t bound) {
  // Lemire's multiply-shift; the bias is below 2^-32 for bounds below 2^32.
  return static_cast<uint64_t>((static_cast<Wide>(NextBits()) * bound) >> 64);
}

float RandomStream::NextNormal() {
  const double u = (static_cast<double>(NextBits() >> 11) + 1.0) * 0x1p-53;
  const double v = static_cast<double>(NextBits() >> 11) * 0x1p-53;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

}  // namespace caravan
