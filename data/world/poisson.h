// The Poisson distribution: draws and its median. Pure.
#ifndef CARAVAN_DATA_WORLD_POISSON_H_
#define CARAVAN_DATA_WORLD_POISSON_H_

#include <cstdint>

#include "base/random.h"

namespace caravan::data {

// A draw of rate >= 0, at most 1e15. Small rates by the sum of waiting times turned into products
// (Knuth, The Art of Computer Programming, vol. 2, 3.4.1), others by the transformed rejection
// PTRS (Hoermann, Insurance: Mathematics and Economics 12, 1993).
uint64_t DrawPoisson(double rate, RandomStream& stream);

// The smallest count m with P(X <= m) >= 1/2: of all predictions of X the one (or one of those)
// with the lowest expected absolute error. rate >= 0, at most 1e15.
uint64_t PoissonMedian(double rate);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WORLD_POISSON_H_
