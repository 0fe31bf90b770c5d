// KernelSet::multiply.
//
// A product is cut into tiles of M rows and N vectors, whose M * N accumulators stay in registers
// over the whole inner extent. With 24 of them (AVX-512; 12 with 16 registers) a step has 10 loads
// for 24 multiply-adds, below the two a cycle that processors do, and hides their latency. Columns
// that do not fill the last vector make it overlap the one before it: both hold the same sums.
// A tile of one vector takes 8 rows: as many multiply-adds hide their latency, and the addresses of
// more rows would not fit the registers.
#ifndef CARAVAN_MODEL_KERNELS_PRODUCT_KERNEL_H_
#define CARAVAN_MODEL_KERNELS_PRODUCT_KERNEL_H_

#include "model/kernels/kernels.h"
#include "model/kernels/simd.h"

namespace caravan::model {
namespace {

// Rows [row, row + M) and N vectors of columns from `column` on, into `c`; the last of them starts
// `last` columns behind the first. Where that is less than (N - 1) * kLanes it overlaps the one
// before it, and both hold the same.
template <typename S, int M, int N>
[[gnu::always_inline]] inline void Tile(const Product<typename S::Number>& p, size_t row,
                                        size_t column, size_t last, typename S::Number* c,
                                        size_t c_row) {
  const auto at = [last](int v) { return v + 1 < N ? v * S::kLanes : last; };
  using T = typename S::Number;
  using Vector = typename S::Vector;
  Vector sums[M][N];
#pragma GCC unroll 32
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      sums[m][v] = Vector{};
      if (p.start == ProductStart::kAdd) sums[m][v] = Load<S>(c + m * c_row + at(v));
      if (p.start == ProductStart::kRows) sums[m][v] += p.row_start[row + m];
    }
  }
  const T* a = p.a + row * p.a_row;
  const T* b = p.b + column;
  const size_t a_row = p.a_row;
  for (size_t k = p.inner; k > 0; --k, a += p.a_step, b += p.b_step) {
    Vector vectors[N];
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      vectors[v] = Load<S>(b + at(v));
      Keep<S>(vectors[v]);
    }
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
    for (int v = 0; v < N; ++v) Store<S>(c + m * c_row + at(v), sums[m][v]);
  }
}

// The same of fewer columns than a vector has: by way of a buffer.
template <typename S, int M>
[[gnu::noinline]] void TileOfPart(const Product<typename S::Number>& p, size_t row, size_t column,
                                  size_t columns) {
  typename S::Number buffer[M * S::kLanes];
  typename S::Number* c = p.c + row * p.c_row + column;
  for (size_t m = 0; m < M; ++m) {
    for (size_t n = 0; n < S::kLanes; ++n)
      buffer[m * S::kLanes + n] = n < columns ? c[m * p.c_row + n] : 0;
  }
  Tile<S, M, 1>(p, row, column, 0, buffer, S::kLanes);
  for (size_t m = 0; m < M; ++m) {
    for (size_t n = 0; n < columns; ++n) c[m * p.c_row + n] = buffer[m * S::kLanes + n];
  }
}

constexpr size_t kLineBytes = 64;
constexpr int kRowsOfVector = 8;

// Hands out what is wanted next, a share of it with each tile: all at once would wait for memory
// instead of computing meanwhile.
template <typename T>
class Fetch {
 public:
  Fetch(const Ahead<T>& ahead, size_t tiles)
      : at_(ahead.data),
        row_(ahead.data),
        row_stride_(ahead.row_stride),
        row_lines_((ahead.row_elements + kLine - 1) / kLine),
        lines_of_row_(row_lines_),
        lines_(ahead.rows * row_lines_),
        share_(lines_ / tiles + 1),
        written_(ahead.written) {}

  [[gnu::always_inline]] void Next() {
    for (size_t left = share_ < lines_ ? share_ : lines_; left > 0; --left) {
      if (written_) {
        __builtin_prefetch(at_, 1, 2);
      } else {
        __builtin_prefetch(at_, 0, 2);
      }
      at_ += kLine;
      --lines_;
      if (--lines_of_row_ > 0) continue;
      lines_of_row_ = row_lines_;
      row_ += row_stride_;
      at_ = row_;
    }
  }

 private:
  static constexpr size_t kLine = kLineBytes / sizeof(T);
  const T* at_;
  const T* row_;
  size_t row_stride_;
  size_t row_lines_;
  size_t lines_of_row_;  // left of it
  size_t lines_;         // left in all
  size_t share_;
  bool written_;
};

// All rows from `row` on of `columns` columns, which are N vectors, the last perhaps in part.
template <typename S, int M, int N>
[[gnu::always_inline]] inline void Rows(const Product<typename S::Number>& p, size_t row,
                                        size_t rows_end, size_t column, size_t columns,
                                        Fetch<typename S::Number>& fetch) {
  for (; row + M <= rows_end; row += M) {
    fetch.Next();
    if (columns >= S::kLanes) {
      Tile<S, M, N>(p, row, column, columns - S::kLanes, p.c + row * p.c_row + column, p.c_row);
    } else if constexpr (N == 1) {
      TileOfPart<S, M>(p, row, column, columns);
    }
  }
  if constexpr (M > 1) Rows<S, PowerOfTwoBelow(M), N>(p, row, rows_end, column, columns, fetch);
}

template <typename S, int N>
[[gnu::noinline]] void RowsOfVectors(const Product<typename S::Number>& p, size_t row,
                                     size_t rows_end, size_t column, size_t columns,
                                     Fetch<typename S::Number>& fetch) {
  constexpr int kRows = N > 1 ? S::kAccumulators / N : kRowsOfVector;
  Rows<S, kRows, N>(p, row, rows_end, column, columns, fetch);
}

// The next rows of A and C, where they lie in memory as they are read: of A the part that falls to
// this of the panels of columns.
template <typename S>
[[gnu::always_inline]] inline void FetchNextRows(const Product<typename S::Number>& p, size_t row,
                                                 size_t rows_end, size_t column, size_t a_share) {
  constexpr size_t kLine = kLineBytes / sizeof(typename S::Number);
  constexpr size_t kWidth = S::kVectorsMax * S::kLanes;
  const size_t first = column / kWidth * a_share;
  const size_t end = first + a_share < p.inner ? first + a_share : p.inner;
  for (; row < rows_end; ++row) {
    if (p.start == ProductStart::kAdd) {
      const typename S::Number* c = p.c + row * p.c_row + column;
      for (size_t n = 0; n < kWidth; n += kLine) __builtin_prefetch(c + n, 1, 3);
    }
    if (p.a_step != 1) continue;
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
  size_t full = p.columns / kWidth * kWidth;
  // A vector or less is left: in part it needs a neighbour to overlap, and alone its tiles would
  // load as much as they compute. It shares the last panel.
  const bool lends = full > 0 && p.columns > full && p.columns - full <= S::kLanes;
  if (lends) full -= kWidth;
  constexpr size_t kLine = kLineBytes / sizeof(typename S::Number);
  const size_t panels = full == 0 ? 1 : full / kWidth;
  const size_t a_share = (p.inner + panels * kLine - 1) / (panels * kLine) * kLine;
  // About the rows of a tile.
  const size_t tile_columns = full == 0 ? p.columns : kWidth;
  const size_t tile_rows =
      tile_columns <= S::kLanes ? kRowsOfVector : S::kAccumulators * S::kLanes / tile_columns + 1;
  Fetch<typename S::Number> fetch(p.ahead, p.rows * panels / tile_rows + 1);
  for (size_t row = 0; full > 0 && row < p.rows; row += kRows) {
    const size_t rows_end = row + kRows < p.rows ? row + kRows : p.rows;
    const size_t next_end = rows_end + kRows < p.rows ? rows_end + kRows : p.rows;
    for (size_t column = 0; column < full; column += kWidth) {
      FetchNextRows<S>(p, rows_end, next_end, column, a_share);
      RowsOfVectors<S, kMost>(p, row, rows_end, column, kWidth, fetch);
    }
  }
  if (lends) {
    constexpr size_t kKept = (kMost - 1) * S::kLanes;
    RowsOfVectors<S, kMost - 1>(p, 0, p.rows, full, kKept, fetch);
    full += kKept;
  }
  const size_t rest = p.columns - full;
  if (rest == 0) return;
  switch ((rest + S::kLanes - 1) / S::kLanes) {
    case 1:
      return RowsOfVectors<S, 1>(p, 0, p.rows, full, rest, fetch);
    case 2:
      return RowsOfVectors<S, 2>(p, 0, p.rows, full, rest, fetch);
    case 3:
      if constexpr (kMost > 2) return RowsOfVectors<S, 3>(p, 0, p.rows, full, rest, fetch);
      break;
    default:
      if constexpr (kMost > 2) return RowsOfVectors<S, 4>(p, 0, p.rows, full, rest, fetch);
      break;
  }
}

}  // namespace
}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_PRODUCT_KERNEL_H_
