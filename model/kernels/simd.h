// Vectors of any width, for the files that define kernels (model/kernels/vector_kernels.h).
#ifndef CARAVAN_MODEL_KERNELS_SIMD_H_
#define CARAVAN_MODEL_KERNELS_SIMD_H_

#include "model/kernels/kernels.h"

namespace caravan::model {
namespace {

// kBytes of T as GCC's and clang's vector extension has them; any alignment.
template <typename T, size_t kBytes, int kRegisters>
struct Simd {
  using Number = T;
  typedef T Vector __attribute__((vector_size(kBytes), aligned(alignof(T)), may_alias));
  static constexpr size_t kLanes = kBytes / sizeof(T);
  // Of a tile: what is left beside the vectors of B and a number of A.
  static constexpr int kAccumulators = kRegisters == 32 ? 24 : 12;
  static constexpr int kVectorsMax = kRegisters == 32 ? 4 : 2;
  // Of a tile of a product in lanes, whose factors are vectors both: 10 accumulators of 16
  // registers hide the latency of two multiply-adds a cycle, which 8 just do (2 x 4: 3 % slower on
  // Zen 3).
  static constexpr int kLaneRows = kRegisters == 32 ? 4 : 2;
  static constexpr int kLaneColumns = 5;
};

template <typename S>
[[gnu::always_inline]] inline typename S::Vector Load(const typename S::Number* from) {
  return *reinterpret_cast<const typename S::Vector*>(from);
}

template <typename S>
[[gnu::always_inline]] inline void Store(typename S::Number* to, typename S::Vector vector) {
  *reinterpret_cast<typename S::Vector*>(to) = vector;
}

// Keeps what was loaded in its register. A compiler else loads a factor anew for each product that
// it is in: 12 loads for 10 multiply-adds of a tile in lanes instead of 7, at two of each a cycle.
template <typename S>
[[gnu::always_inline]] inline void Keep(typename S::Vector& vector) {
  asm("" : "+v"(vector));
}

template <typename S>
[[gnu::always_inline]] inline typename S::Number Total(typename S::Vector vector) {
  typename S::Number numbers[S::kLanes];
  Store<S>(numbers, vector);
#pragma GCC unroll 8
  for (size_t half = S::kLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) numbers[i] += numbers[i + half];
  }
  return numbers[0];
}

constexpr int PowerOfTwoBelow(int value) {
  int power = 1;
  while (power * 2 < value) power *= 2;
  return power;
}

}  // namespace
}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_SIMD_H_
