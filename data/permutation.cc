#include "data/permutation.h"

#include <utility>

#include "base/hash.h"

namespace caravan::data {

Permutation::Permutation(uint64_t size, uint64_t seed) : size_(size), seed_(seed) {
  while (half_bits_ < 31 && (uint64_t{1} << (2 * half_bits_)) < size) ++half_bits_;
}

uint64_t Permutation::operator()(uint64_t index) const {
  constexpr uint64_t kRounds = 4;
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  do {
    uint64_t left = index >> half_bits_;
    uint64_t right = index & mask;
    for (uint64_t round = 0; round < kRounds; ++round) {
      const uint64_t mixed = MixBits(seed_ ^ (right + (round << 32))) & mask;
      left = std::exchange(right, left ^ mixed);
    }
    index = (left << half_bits_) | right;
  } while (index >= size_);
  return index;
}

}  // namespace caravan::data
