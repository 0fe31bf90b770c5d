// What KernelSet does with arrays of lanes beside products.
#ifndef CARAVAN_MODEL_KERNELS_LANE_KERNELS_H_
#define CARAVAN_MODEL_KERNELS_LANE_KERNELS_H_

#include "model/kernels/kernels.h"
#include "model/kernels/simd.h"

namespace caravan::model {
namespace {

// Rows [row, row + M) and columns [column, column + N) of one vector of lanes.
template <typename S, int M, int N>
[[gnu::always_inline]] inline void LaneTile(const LaneProduct<typename S::Number>& p, size_t row,
                                            size_t column) {
  using Vector = typename S::Vector;
  typename S::Number* const c = p.c + row * p.c_row + column * p.c_column;
  Vector sums[M][N];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      sums[m][n] = p.adds ? Load<S>(c + m * p.c_row + n * p.c_column) : Vector{};
    }
  }
  const typename S::Number* a = p.a + row * p.a_row;
  const typename S::Number* b = p.b + column * p.b_column;
  const size_t a_row = p.a_row;
  const size_t b_column = p.b_column;
  for (size_t k = p.inner; k > 0; --k, a += p.a_step, b += p.b_step) {
    Vector factors[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      factors[n] = Load<S>(b + n * b_column);
      Keep<S>(factors[n]);
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      const Vector factor = Load<S>(a + m * a_row);
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) sums[m][n] += factor * factors[n];
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) Store<S>(c + m * p.c_row + n * p.c_column, sums[m][n]);
  }
}

template <typename S, int M, int N>
[[gnu::always_inline]] inline void LaneColumns(const LaneProduct<typename S::Number>& p, size_t row,
                                               size_t column, size_t columns_end) {
  for (; column + N <= columns_end; column += N) LaneTile<S, M, N>(p, row, column);
  if constexpr (N > 1) {
    LaneColumns<S, M, PowerOfTwoBelow(N)>(p, row, column, columns_end);
  }
}

// Tiles of the most columns only where they leave none over: else of the next lower power of two.
template <typename S, int M>
[[gnu::noinline]] void LaneRowsOf(const LaneProduct<typename S::Number>& p, size_t row) {
  constexpr int kMost = S::kLaneColumns;
  if (p.columns % kMost == 0) {
    for (size_t column = 0; column < p.columns; column += kMost) {
      LaneTile<S, M, kMost>(p, row, column);
    }
  } else {
    LaneColumns<S, M, PowerOfTwoBelow(kMost + 1)>(p, row, 0, p.columns);
  }
}

template <typename S>
void MultiplyLanes(const LaneProduct<typename S::Number>& product) {
  constexpr int kRows = S::kLaneRows;
  // Where a vector is a part of the lanes, all parts go through a row before the next row: they
  // share its cache lines.
  constexpr size_t kParts = kLaneMultiple / S::kLanes;
  LaneProduct<typename S::Number> parts[kParts];
  for (size_t i = 0; i < kParts; ++i) {
    parts[i] = product;
    parts[i].a += i * S::kLanes;
    parts[i].b += i * S::kLanes;
    parts[i].c += i * S::kLanes;
  }
  size_t row = 0;
  for (; row + kRows <= product.rows; row += kRows) {
    for (const auto& p : parts) LaneRowsOf<S, kRows>(p, row);
  }
  for (; row < product.rows; ++row) {
    for (const auto& p : parts) LaneRowsOf<S, 1>(p, row);
  }
}

template <typename S>
void FormProducts(const ScenarioProducts<typename S::Number>& p, typename S::Number* z) {
  for (size_t j = 0; j < p.columns; ++j) {
    for (size_t c = 0; c < p.scenario; ++c, z += p.lane_stride) {
      for (size_t lane = 0; lane < p.lanes; lane += S::kLanes) {
        Store<S>(z + lane,
                 Load<S>(p.h + j * p.lane_stride + lane) * Load<S>(p.s + c * p.lane_stride + lane));
      }
    }
  }
}

template <typename S>
void ReduceProducts(const ScenarioProducts<typename S::Number>& p, const typename S::Number* z) {
  using Vector = typename S::Vector;
  for (size_t j = 0; j < p.columns; ++j, z += p.scenario * p.lane_stride) {
    for (size_t lane = 0; lane < p.lanes; lane += S::kLanes) {
      const Vector h = Load<S>(p.h + j * p.lane_stride + lane);
      Vector sum = Load<S>(p.dh + j * p.lane_stride + lane);
      for (size_t c = 0; c < p.scenario; ++c) {
        const Vector product = Load<S>(z + c * p.lane_stride + lane);
        sum += product * Load<S>(p.s + c * p.lane_stride + lane);
        typename S::Number* ds = p.ds + c * p.lane_stride + lane;
        Store<S>(ds, Load<S>(ds) + product * h);
      }
      Store<S>(p.dh + j * p.lane_stride + lane, sum);
    }
  }
}

template <typename S, size_t M>
[[gnu::always_inline]] inline void AddRowSumsOf(const typename S::Number* x, size_t x_row,
                                                size_t lanes, typename S::Number* sums) {
  typename S::Vector vectors[M] = {};
  for (size_t lane = 0; lane < lanes; lane += S::kLanes) {
#pragma GCC unroll 8
    for (size_t m = 0; m < M; ++m) vectors[m] += Load<S>(x + m * x_row + lane);
  }
  for (size_t m = 0; m < M; ++m) sums[m] += Total<S>(vectors[m]);
}

template <typename S>
void AddRowSums(const typename S::Number* x, size_t x_row, size_t rows, size_t lanes,
                typename S::Number* sums) {
  constexpr size_t kRows = 4;
  size_t m = 0;
  for (; m + kRows <= rows; m += kRows)
    AddRowSumsOf<S, kRows>(x + m * x_row, x_row, lanes, sums + m);
  for (; m < rows; ++m) AddRowSumsOf<S, 1>(x + m * x_row, x_row, lanes, sums + m);
}

}  // namespace
}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_LANE_KERNELS_H_
