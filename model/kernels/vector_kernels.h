// The kernels of model/kernels/kernels.h, for vectors of any width, compiled by kernels_plain.cc,
// kernels_avx2.cc and kernels_avx512.cc for an instruction set each; no other file may include it.
// It calls nothing that the linker could share between files, lest instructions of one set end up
// in code meant for all.
//
// A product is cut into tiles of M rows and N vectors, whose M * N accumulators stay in registers
// over the whole inner extent. With 24 of them (AVX-512; 12 with 16 registers) a step has 10 loads
// for 24 multiply-adds, below the two a cycle that processors do, and hides their latency.
#ifndef CARAVAN_MODEL_KERNELS_VECTOR_KERNELS_H_
#define CARAVAN_MODEL_KERNELS_VECTOR_KERNELS_H_

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
  // Outputs and rows of an application at a time.
  static constexpr int kOutputs = kRegisters == 32 ? 4 : 2;
  static constexpr int kRowsMax = kRegisters == 32 ? 4 : 2;
};

template <typename S>
[[gnu::always_inline]] inline typename S::Vector Load(const typename S::Number* from) {
  return *reinterpret_cast<const typename S::Vector*>(from);
}

template <typename S>
[[gnu::always_inline]] inline void Store(typename S::Number* to, typename S::Vector vector) {
  *reinterpret_cast<typename S::Vector*>(to) = vector;
}

constexpr int PowerOfTwoBelow(int value) {
  int power = 1;
  while (power * 2 < value) power *= 2;
  return power;
}

// Rows [row, row + M) and vectors [column, column + N * kLanes) of a product, into `c`.
template <typename S, int M, int N>
[[gnu::always_inline]] inline void Tile(const Product<typename S::Number>& p, size_t row,
                                        size_t column, typename S::Number* c, size_t c_row) {
  using T = typename S::Number;
  using Vector = typename S::Vector;
  Vector sums[M][N];
#pragma GCC unroll 32
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      sums[m][v] = Vector{};
      if (p.start == ProductStart::kAdd) sums[m][v] = Load<S>(c + m * c_row + v * S::kLanes);
      if (p.start == ProductStart::kRows) sums[m][v] += p.row_start[row + m];
    }
  }
  const T* a = p.a + row * p.a_row;
  const T* b = p.b + column;
  const size_t a_row = p.a_row;
  for (size_t k = p.inner; k > 0; --k, a += p.a_step, b += p.b_step) {
    Vector vectors[N];
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) vectors[v] = Load<S>(b + v * S::kLanes);
#pragma GCC unroll 32
    for (int m = 0; m < M; ++m) {
      const T number = a[m * a_row];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sums[m][v] += number * vectors[v];
    }
  }
#pragma GCC unroll 32
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) Store<S>(c + m * c_row + v * S::kLanes, sums[m][v]);
  }
}

// The same where the last vector reaches past C's columns: by way of a buffer.
template <typename S, int M, int N>
[[gnu::noinline]] void TileAtEdge(const Product<typename S::Number>& p, size_t row, size_t column,
                                  size_t columns) {
  constexpr size_t kWidth = N * S::kLanes;
  typename S::Number buffer[M * kWidth];
  typename S::Number* c = p.c + row * p.c_row + column;
  for (size_t m = 0; m < M; ++m) {
    for (size_t n = 0; n < kWidth; ++n)
      buffer[m * kWidth + n] = n < columns ? c[m * p.c_row + n] : 0;
  }
  Tile<S, M, N>(p, row, column, buffer, kWidth);
  for (size_t m = 0; m < M; ++m) {
    for (size_t n = 0; n < columns; ++n) c[m * p.c_row + n] = buffer[m * kWidth + n];
  }
}

// All rows from `row` on of `columns` columns, which are N vectors, the last perhaps in part.
template <typename S, int M, int N>
[[gnu::always_inline]] inline void Rows(const Product<typename S::Number>& p, size_t row,
                                        size_t rows_end, size_t column, size_t columns) {
  for (; row + M <= rows_end; row += M) {
    if (columns == N * S::kLanes) {
      Tile<S, M, N>(p, row, column, p.c + row * p.c_row + column, p.c_row);
    } else {
      TileAtEdge<S, M, N>(p, row, column, columns);
    }
  }
  if constexpr (M > 1) Rows<S, PowerOfTwoBelow(M), N>(p, row, rows_end, column, columns);
}

template <typename S, int N>
[[gnu::noinline]] void RowsOfVectors(const Product<typename S::Number>& p, size_t row,
                                     size_t rows_end, size_t column, size_t columns) {
  Rows<S, S::kAccumulators / N, N>(p, row, rows_end, column, columns);
}

constexpr size_t kLineBytes = 64;

// The share of `part` among `parts` of what is wanted next.
template <typename T>
[[gnu::always_inline]] inline void FetchAhead(const Ahead<T>& ahead, size_t part, size_t parts) {
  constexpr size_t kLine = kLineBytes / sizeof(T);
  const size_t row_lines = (ahead.row_elements + kLine - 1) / kLine;
  const size_t lines = ahead.rows * row_lines;
  for (size_t line = lines * part / parts; line < lines * (part + 1) / parts; ++line) {
    const size_t row = line / row_lines;
    __builtin_prefetch(ahead.data + row * ahead.row_stride + line % row_lines * kLine, 0, 2);
  }
}

// The next rows of A and C, where they lie in memory as they are read.
template <typename S>
[[gnu::always_inline]] inline void FetchNextRows(const Product<typename S::Number>& p, size_t row,
                                                 size_t rows_end, size_t column) {
  constexpr size_t kLine = kLineBytes / sizeof(typename S::Number);
  constexpr size_t kWidth = S::kVectorsMax * S::kLanes;
  for (; row < rows_end; ++row) {
    if (p.start == ProductStart::kAdd) {
      const typename S::Number* c = p.c + row * p.c_row + column;
      for (size_t n = 0; n < kWidth; n += kLine) __builtin_prefetch(c + n, 1, 3);
    }
    if (p.a_step != 1) continue;
    const size_t first = p.inner * column / p.columns / kLine * kLine;
    const size_t end = p.inner * (column + kWidth) / p.columns;
    for (size_t k = first; k < end; k += kLine) __builtin_prefetch(p.a + row * p.a_row + k, 0, 3);
  }
}

// Full widths first, a few rows at a time across all columns, so that these rows of A are read from
// the nearest cache; then what is left of the columns, in as many rows as make up for it.
template <typename S>
void Multiply(const Product<typename S::Number>& p) {
  constexpr int kMost = S::kVectorsMax;
  constexpr size_t kWidth = kMost * S::kLanes;
  constexpr size_t kRows = S::kAccumulators / kMost;
  const size_t full = p.columns / kWidth * kWidth;
  const size_t parts = full == 0 ? 1 : (p.rows + kRows - 1) / kRows * (full / kWidth);
  size_t part = 0;
  if (full == 0) FetchAhead(p.ahead, 0, 1);
  for (size_t row = 0; full > 0 && row < p.rows; row += kRows) {
    const size_t rows_end = row + kRows < p.rows ? row + kRows : p.rows;
    const size_t next_end = rows_end + kRows < p.rows ? rows_end + kRows : p.rows;
    for (size_t column = 0; column < full; column += kWidth) {
      FetchAhead(p.ahead, part++, parts);
      FetchNextRows<S>(p, rows_end, next_end, column);
      RowsOfVectors<S, kMost>(p, row, rows_end, column, kWidth);
    }
  }
  const size_t rest = p.columns - full;
  if (rest == 0) return;
  switch ((rest + S::kLanes - 1) / S::kLanes) {
    case 1:
      return RowsOfVectors<S, 1>(p, 0, p.rows, full, rest);
    case 2:
      return RowsOfVectors<S, 2>(p, 0, p.rows, full, rest);
    case 3:
      if constexpr (kMost > 2) return RowsOfVectors<S, 3>(p, 0, p.rows, full, rest);
      break;
    default:
      if constexpr (kMost > 2) return RowsOfVectors<S, 4>(p, 0, p.rows, full, rest);
      break;
  }
}

// Outputs [output, output + I) and rows [row, row + R) of N vectors of lanes.
template <typename S, int I, int R, int N>
[[gnu::always_inline]] inline void ApplyTile(const Application<typename S::Number>& p,
                                             size_t output, size_t row, size_t lane) {
  using T = typename S::Number;
  using Vector = typename S::Vector;
  Vector sums[I][R][N];
  const size_t stride = p.lane_stride;
  T* y = p.y + (output * p.rows + row) * stride + lane;
#pragma GCC unroll 8
  for (int i = 0; i < I; ++i) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        sums[i][r][v] = Load<S>(y + (i * p.rows + r) * stride + v * S::kLanes);
      }
    }
  }
  const T* w = p.w + output * p.columns * p.w_row + lane;
  const T* h = p.h + row * stride + lane;
  const size_t w_output = p.columns * p.w_row;
  for (size_t j = p.columns; j > 0; --j, w += p.w_row, h += p.rows * stride) {
    Vector inputs[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) inputs[r][v] = Load<S>(h + r * stride + v * S::kLanes);
    }
#pragma GCC unroll 8
    for (int i = 0; i < I; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        const Vector weight = Load<S>(w + i * w_output + v * S::kLanes);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) sums[i][r][v] += weight * inputs[r][v];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < I; ++i) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        Store<S>(y + (i * p.rows + r) * stride + v * S::kLanes, sums[i][r][v]);
      }
    }
  }
}

template <typename S, int I, int R>
[[gnu::always_inline]] inline void ApplyRows(const Application<typename S::Number>& p,
                                             size_t output, size_t row) {
  constexpr int kVectors = S::kRowsMax / R;
  constexpr size_t kWidth = kVectors * S::kLanes;
  for (; row + R <= p.rows; row += R) {
    size_t lane = 0;
    for (; lane + kWidth <= p.lanes; lane += kWidth) {
      ApplyTile<S, I, R, kVectors>(p, output, row, lane);
    }
    if constexpr (kVectors > 1) {
      for (; lane < p.lanes; lane += S::kLanes) ApplyTile<S, I, R, 1>(p, output, row, lane);
    }
  }
  if constexpr (R > 1) ApplyRows<S, I, PowerOfTwoBelow(R)>(p, output, row);
}

template <typename S>
void Apply(const Application<typename S::Number>& p) {
  size_t output = 0;
  for (; output + S::kOutputs <= p.outputs; output += S::kOutputs) {
    ApplyRows<S, S::kOutputs, S::kRowsMax>(p, output, 0);
  }
  for (; output < p.outputs; ++output) ApplyRows<S, 1, S::kRowsMax>(p, output, 0);
}

// The same of one vector of lanes, over all columns. Several outputs at once, so that h and dh are
// touched once for all of them.
template <typename S, int I, int R>
[[gnu::always_inline]] inline void ApplyBackwardTile(
    const ApplicationGradient<typename S::Number>& p, size_t output, size_t row, size_t lane) {
  using T = typename S::Number;
  using Vector = typename S::Vector;
  const size_t stride = p.lane_stride;
  Vector dz[I][R];
#pragma GCC unroll 8
  for (int i = 0; i < I; ++i) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      dz[i][r] = Load<S>(p.dz + ((output + i) * p.rows + row + r) * stride + lane);
    }
  }
  const T* w = p.w + output * p.columns * p.w_row + lane;
  const size_t w_output = p.columns * p.w_row;
  T* dw = p.dw + output * p.columns * stride + lane;
  const size_t dw_output = p.columns * stride;
  const T* h = p.h + row * stride + lane;
  T* dh = p.dh + row * stride + lane;
  const size_t step = p.rows * stride;
  for (size_t j = p.columns; j > 0; --j, w += p.w_row, dw += stride, h += step, dh += step) {
    Vector weights[I];
    Vector sums[I];
#pragma GCC unroll 8
    for (int i = 0; i < I; ++i) {
      weights[i] = Load<S>(w + i * w_output);
      sums[i] = row == 0 ? Vector{} : Load<S>(dw + i * dw_output);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vector input = Load<S>(h + r * stride);
      Vector gradient = Load<S>(dh + r * stride);
#pragma GCC unroll 8
      for (int i = 0; i < I; ++i) {
        gradient += weights[i] * dz[i][r];
        sums[i] += dz[i][r] * input;
      }
      Store<S>(dh + r * stride, gradient);
    }
#pragma GCC unroll 8
    for (int i = 0; i < I; ++i) Store<S>(dw + i * dw_output, sums[i]);
  }
}

template <typename S, int I, int R>
[[gnu::always_inline]] inline void ApplyBackwardRows(
    const ApplicationGradient<typename S::Number>& p, size_t output, size_t row) {
  for (; row + R <= p.rows; row += R) {
    for (size_t lane = 0; lane < p.lanes; lane += S::kLanes) {
      ApplyBackwardTile<S, I, R>(p, output, row, lane);
    }
  }
  if constexpr (R > 1) ApplyBackwardRows<S, I, PowerOfTwoBelow(R)>(p, output, row);
}

template <typename S>
void ApplyBackward(const ApplicationGradient<typename S::Number>& p) {
  size_t output = 0;
  for (; output + S::kOutputs <= p.outputs; output += S::kOutputs) {
    ApplyBackwardRows<S, S::kOutputs, S::kRowsMax>(p, output, 0);
  }
  for (; output < p.outputs; ++output) ApplyBackwardRows<S, 1, S::kRowsMax>(p, output, 0);
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
  for (size_t m = 0; m < M; ++m) {
    typename S::Number numbers[S::kLanes];
    Store<S>(numbers, vectors[m]);
    for (size_t half = S::kLanes / 2; half > 0; half /= 2) {
      for (size_t i = 0; i < half; ++i) numbers[i] += numbers[i + half];
    }
    sums[m] += numbers[0];
  }
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

template <typename S>
constexpr KernelSet<typename S::Number> KernelSetOf(const char* name) {
  return {name,         Multiply<S>, Apply<S>, ApplyBackward<S>, FormProducts<S>, ReduceProducts<S>,
          AddRowSums<S>};
}

}  // namespace
}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_VECTOR_KERNELS_H_
