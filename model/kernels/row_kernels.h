// What KernelSet does with rows: softmax, and rows laid in lanes and back by way of squares of
// vectors that are transposed in registers.
#ifndef CARAVAN_MODEL_KERNELS_ROW_KERNELS_H_
#define CARAVAN_MODEL_KERNELS_ROW_KERNELS_H_

#include <cstdint>
#include <utility>

#include "model/kernels/kernels.h"
#include "model/kernels/simd.h"

namespace caravan::model {
namespace {

// exp(x) for x <= 0. In single precision as 2^n times a polynomial in what is left of x, |r| <=
// ln 2 / 2 (Moshier's Cephes): below 1e-7 off, relatively. Below -87 it stays at exp(-87).
template <typename S>
[[gnu::always_inline]] inline typename S::Vector Exp(typename S::Vector x) {
  using Vector = typename S::Vector;
  if constexpr (sizeof(typename S::Number) == sizeof(double)) {
    for (size_t i = 0; i < S::kLanes; ++i) x[i] = __builtin_exp(x[i]);
    return x;
  } else {
    typedef int32_t Integers __attribute__((vector_size(S::kLanes * sizeof(int32_t))));
    constexpr float kLeast = -87.0F;
    constexpr float kRounds = 12582912.0F;  // 1.5 * 2^23: what is added to it loses its fraction
    constexpr float kLn2Upper = 0.693359375F;
    constexpr float kLn2Lower = -2.12194440e-4F;
    constexpr int kMantissaBits = 23;
    const Vector least = Vector{} + kLeast;
    x = x > least ? x : least;
    const Vector n = (x * 1.44269504F + kRounds) - kRounds;
    const Vector r = (x - n * kLn2Upper) - n * kLn2Lower;
    Vector p = Vector{} + 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    const Integers exponent = (__builtin_convertvector(n, Integers) + 127) << kMantissaBits;
    return p * reinterpret_cast<const Vector&>(exponent);
  }
}

// Numbers [first, columns) of a row, fewer than a vector has, and `fill` behind them.
template <typename S>
[[gnu::always_inline]] inline typename S::Vector LoadPart(const typename S::Number* row,
                                                          size_t first, size_t columns,
                                                          typename S::Number fill) {
  typename S::Number part[S::kLanes];
  for (size_t i = 0; i < S::kLanes; ++i) part[i] = first + i < columns ? row[first + i] : fill;
  return Load<S>(part);
}

template <typename S>
[[gnu::always_inline]] inline void StorePart(typename S::Vector vector, typename S::Number* row,
                                             size_t first, size_t columns) {
  typename S::Number part[S::kLanes];
  Store<S>(part, vector);
  for (size_t i = 0; first + i < columns; ++i) row[first + i] = part[i];
}

template <typename S>
void Softmax(typename S::Number* values, size_t rows, size_t columns, typename S::Number scale) {
  using T = typename S::Number;
  using Vector = typename S::Vector;
  const size_t full = columns / S::kLanes * S::kLanes;
  for (size_t r = 0; r < rows; ++r, values += columns) {
    const Vector rest = LoadPart<S>(values, full, columns, values[0]);
    Vector most = rest;
    for (size_t i = 0; i < full; i += S::kLanes) {
      const Vector x = Load<S>(values + i);
      most = x > most ? x : most;
    }
    T most_of_all = most[0];
    for (size_t i = 1; i < S::kLanes; ++i)
      most_of_all = most[i] > most_of_all ? most[i] : most_of_all;
    Vector sum = Vector{};
    for (size_t i = 0; i < full; i += S::kLanes) {
      const Vector e = Exp<S>((Load<S>(values + i) - most_of_all) * scale);
      Store<S>(values + i, e);
      sum += e;
    }
    StorePart<S>(Exp<S>((rest - most_of_all) * scale), values, full, columns);
    T total = Total<S>(sum);
    for (size_t i = full; i < columns; ++i) total += values[i];
    const T share = T{1} / total;
    for (size_t i = 0; i < full; i += S::kLanes) Store<S>(values + i, Load<S>(values + i) * share);
    for (size_t i = full; i < columns; ++i) values[i] *= share;
  }
}

template <typename S>
void SoftmaxBackward(const typename S::Number* shares, size_t rows, size_t columns,
                     typename S::Number scale, typename S::Number* gradient) {
  using T = typename S::Number;
  using Vector = typename S::Vector;
  const size_t full = columns / S::kLanes * S::kLanes;
  for (size_t r = 0; r < rows; ++r, shares += columns, gradient += columns) {
    Vector sum = Vector{};
    for (size_t i = 0; i < full; i += S::kLanes) {
      sum += Load<S>(shares + i) * Load<S>(gradient + i);
    }
    T along = Total<S>(sum);
    for (size_t i = full; i < columns; ++i) along += shares[i] * gradient[i];
    for (size_t i = 0; i < full; i += S::kLanes) {
      Store<S>(gradient + i, Load<S>(shares + i) * (Load<S>(gradient + i) - along) * scale);
    }
    for (size_t i = full; i < columns; ++i) gradient[i] = shares[i] * (gradient[i] - along) * scale;
  }
}

// Vectors a and b, whose elements l with bit kBit are exchanged for the other's with l ^ kBit: a
// square of such pairs is transposed once all bits had their turn.
template <typename S, size_t kBit, size_t... kElement>
[[gnu::always_inline]] inline void Exchange(typename S::Vector& a, typename S::Vector& b,
                                            std::index_sequence<kElement...> /*elements*/) {
  constexpr size_t kCount = sizeof...(kElement);
  const typename S::Vector first = __builtin_shufflevector(
      a, b, ((kElement & kBit) != 0 ? kCount + kElement - kBit : kElement)...);
  b = __builtin_shufflevector(a, b,
                              ((kElement & kBit) != 0 ? kCount + kElement : kElement + kBit)...);
  a = first;
}

template <typename S, size_t kBit = 1>
[[gnu::always_inline]] inline void Transpose(typename S::Vector* square) {
  if constexpr (kBit < S::kLanes) {
#pragma GCC unroll 16
    for (size_t i = 0; i < S::kLanes; ++i) {
      if ((i & kBit) != 0) continue;
      Exchange<S, kBit>(square[i], square[i + kBit], std::make_index_sequence<S::kLanes>());
    }
    Transpose<S, kBit * 2>(square);
  }
}

template <typename S>
void ToLanes(const LaneRows<typename S::Number>& p, const typename S::Number* const* rows,
             typename S::Number* lanes) {
  constexpr size_t kLanes = S::kLanes;
  const size_t full = p.width / kLanes * kLanes;
  for (size_t first = 0; first < kLaneMultiple; first += kLanes) {
    for (size_t column = 0; column < full; column += kLanes) {
      typename S::Vector square[kLanes];
#pragma GCC unroll 16
      for (size_t i = 0; i < kLanes; ++i) {
        const typename S::Number* row = rows[first + i];
        square[i] = row == nullptr ? typename S::Vector{} : Load<S>(row + column);
      }
      Transpose<S>(square);
#pragma GCC unroll 16
      for (size_t i = 0; i < kLanes; ++i) {
        Store<S>(lanes + (column + i) * p.step + first, square[i]);
      }
    }
  }
  for (size_t column = full; column < p.width; ++column) {
    for (size_t i = 0; i < kLaneMultiple; ++i) {
      lanes[column * p.step + i] = rows[i] == nullptr ? 0 : rows[i][column];
    }
  }
}

// One vector of lanes, at element `at` of the first row's lanes: with the bias, and the activation.
template <typename S>
[[gnu::always_inline]] inline typename S::Vector Activated(const LaneRows<typename S::Number>& p,
                                                           const typename S::Number* lanes,
                                                           size_t column, size_t first) {
  typename S::Vector x = Load<S>(lanes + column * p.step + first);
  if (p.bias == nullptr) return x;
  x += Load<S>(p.bias + column * p.bias_step + first);
  const typename S::Vector below = x * p.slope;
  return x > below ? x : below;
}

template <typename S>
void FromLanes(const LaneRows<typename S::Number>& p, const typename S::Number* lanes,
               typename S::Number* const* rows) {
  constexpr size_t kLanes = S::kLanes;
  for (size_t first = 0; first < kLaneMultiple; first += kLanes) {
    for (size_t column = 0; column < p.width; column += kLanes) {
      const size_t columns = p.width - column < kLanes ? p.width - column : kLanes;
      typename S::Vector square[kLanes] = {};
#pragma GCC unroll 16
      for (size_t i = 0; i < kLanes; ++i) {
        if (i < columns) square[i] = Activated<S>(p, lanes, column + i, first);
      }
      Transpose<S>(square);
#pragma GCC unroll 16
      for (size_t i = 0; i < kLanes; ++i) {
        if (rows[first + i] == nullptr) continue;
        typename S::Number* row = rows[first + i] + column;
        if (columns == kLanes) {
          Store<S>(row, p.adds ? square[i] + Load<S>(row) : square[i]);
        } else {
          if (p.adds) square[i] += LoadPart<S>(row, 0, columns, 0);
          StorePart<S>(square[i], row, 0, columns);
        }
      }
    }
  }
}

}  // namespace
}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_ROW_KERNELS_H_
