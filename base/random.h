// Random numbers that follow from what they are for: a stream is named by its seed and two labels,
// so that a row's first value or an epoch's order is the same wherever and whenever it is drawn.
#ifndef CARAVAN_BASE_RANDOM_H_
#define CARAVAN_BASE_RANDOM_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace caravan {

// SplitMix64 in counter form. A value type; not for cryptography.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed, uint64_t label_a = 0, uint64_t label_b = 0)
      : state_(CombineHash(CombineHash(seed, label_a), label_b)) {}

  uint64_t NextBits() { return MixBits(state_ += 0x9e3779b97f4a7c15ULL); }

  // Uniform in [0, bound); bound > 0.
  uint64_t NextBelow(uint64_t bound);
  // Uniform in [0, 1), 24 bits.
  float NextUniform() { return static_cast<float>(NextBits() >> 40) * 0x1p-24F; }
  // Standard normal by Box and Muller (Ann. Math. Statist. 29, 1958); the sine half is dropped.
  float NextNormal();

 private:
  uint64_t state_;
};

// Fisher and Yates' shuffle by `stream`.
template <typename T>
void Shuffle(std::vector<T>& values, RandomStream stream) {
  for (size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[stream.NextBelow(i)]);
  }
}

}  // namespace caravan

#endif  // CARAVAN_BASE_RANDOM_H_
