// The inner loops of meta units and attention, once for each instruction set, chosen at run time.
//
// Data lies in lanes: the innermost extent of an array counts samples (or distinct scenario rows),
// padded to a multiple of kLaneMultiple with zeros, so that a vector holds one number of as many
// samples. V_w is then read in place, one number at a time and handed to all lanes: nothing is
// packed, whichever of the three products of a generator is formed.
//
// All arrays of lanes have room for lanes up to the next multiple of kLaneMultiple. Nothing may
// overlap. Strides are in elements. Functions keep no state and may be called by any thread.
#ifndef CARAVAN_MODEL_KERNELS_KERNELS_H_
#define CARAVAN_MODEL_KERNELS_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/gemm.h"

namespace caravan::model {

inline constexpr size_t kLaneMultiple = 16;

constexpr size_t PaddedLanes(size_t lanes) {
  return (lanes + kLaneMultiple - 1) / kLaneMultiple * kLaneMultiple;
}

// Elements from one row of lanes to the next: more than a power of two, by which rows would fall
// into the same few lines of a cache.
constexpr size_t LaneStride(size_t lanes) { return lanes % 64 == 0 ? lanes + 16 : lanes; }

enum class ProductStart : uint8_t {
  kZero,
  kAdd,   // to what C holds
  kRows,  // C(m, n) starts at row_start[m]
};

// Memory that is wanted next: fetched into the caches while a product is formed.
template <typename T>
struct Ahead {
  const T* data = nullptr;
  size_t rows = 0;  // 0: nothing
  size_t row_elements = 0;
  size_t row_stride = 0;
  bool written = false;  // they are written to, not only read
};

// C(m, n) = start + sum_k A(m, k) B(k, n)
template <typename T>
struct Product {
  const T* a = nullptr;  // A(m, k) = a[m * a_row + k * a_step]: any strides, so transposed or not
  size_t a_row = 0;
  size_t a_step = 0;
  const T* b = nullptr;  // B(k, n) = b[k * b_step + n]; readable to PaddedLanes(columns)
  size_t b_step = 0;
  T* c = nullptr;  // C(m, n) = c[m * c_row + n]; written to `columns` only
  size_t c_row = 0;
  size_t rows = 0;     // of A and C
  size_t columns = 0;  // of B and C
  size_t inner = 0;    // k
  ProductStart start = ProductStart::kZero;
  const T* row_start = nullptr;  // of kRows: [rows]
  Ahead<T> ahead = {};
};

// A product in each of kLaneMultiple lanes, with factors of its own: for all l < kLaneMultiple
//   c(m, n, l) = start + sum_k a(m, k, l) b(k, n, l),   a(m, k, l) = a[m * a_row + k * a_step + l],
//   b(k, n, l) = b[k * b_step + n * b_column + l],      c(m, n, l) = c[m * c_row + n * c_column +
//   l]
template <typename T>
struct LaneProduct {
  const T* a = nullptr;
  size_t a_row = 0;
  size_t a_step = 0;
  const T* b = nullptr;
  size_t b_step = 0;
  size_t b_column = 0;
  T* c = nullptr;
  size_t c_row = 0;
  size_t c_column = 0;
  size_t rows = 0;     // m
  size_t columns = 0;  // n
  size_t inner = 0;    // k
  bool adds = false;   // start is what c holds, else 0
};

// The columns of a factored product, z(j, c, l) = z[(j * scenario + c) * lane_stride + l].
template <typename T>
struct ScenarioProducts {
  const T* h = nullptr;  // h(j, l) = h[j * lane_stride + l]
  const T* s = nullptr;  // s(c, l) = s[c * lane_stride + l]
  T* dh = nullptr;       // of Reduce alone, laid out as h and s
  T* ds = nullptr;
  size_t lane_stride = 0;
  size_t columns = 0;   // j
  size_t scenario = 0;  // c
  size_t lanes = 0;     // a multiple of kLaneMultiple
};

// Rows of kLaneMultiple lanes: lane i has row i, of `width` numbers, element j of which lies at
// lanes[j * step + i].
template <typename T>
struct LaneRows {
  size_t width = 0;
  size_t step = 0;
  // Of from_lanes alone: rows take LeakyReLU(lanes + bias) instead of lanes where there is a bias,
  // bias(j, i) = bias[j * bias_step + i].
  const T* bias = nullptr;
  size_t bias_step = 0;
  T slope = 0;        // of LeakyReLU
  bool adds = false;  // to what the rows hold
};

// Every token of a sample beside every task: rows of sums, tanh of which is scored by v.
template <typename T>
struct Alignment {
  const T* tokens = nullptr;  // u: [token_count, width]
  const T* tasks = nullptr;   // c: [task_count, width]
  const T* vector = nullptr;  // v: [width]
  size_t token_count = 0;
  size_t task_count = 0;
  size_t width = 0;
};

// Of u, c and v, laid out as these, which are added to; and of the scores, from which they follow.
template <typename T>
struct AlignmentGradient {
  const T* scores = nullptr;  // [task_count, token_count]
  T* tokens = nullptr;
  T* tasks = nullptr;
  T* vector = nullptr;
};

template <typename T>
struct KernelSet {
  const char* name;
  // Gemm of model/gemm.h, or what stands for it in another precision.
  void (*gemm)(T alpha, const Matrix<const T>& a, const Matrix<const T>& b, T beta,
               const Matrix<T>& c);
  void (*multiply)(const Product<T>& product);
  void (*multiply_lanes)(const LaneProduct<T>& product);
  // z(j, c, l) = h(j, l) s(c, l)
  void (*form_products)(const ScenarioProducts<T>& products, T* z);
  // dh(j, l) += sum_c z(j, c, l) s(c, l),  ds(c, l) += sum_j z(j, c, l) h(j, l)
  void (*reduce_products)(const ScenarioProducts<T>& products, const T* z);
  // sums[m] += sum_l x[m * x_row + l];  lanes: a multiple of kLaneMultiple
  void (*add_row_sums)(const T* x, size_t x_row, size_t rows, size_t lanes, T* sums);
  // rows: of kLaneMultiple lanes; null: zeros, or not to be written.
  void (*to_lanes)(const LaneRows<T>& shape, const T* const* rows, T* lanes);
  void (*from_lanes)(const LaneRows<T>& shape, const T* lanes, T* const* rows);
  // By row, in place: p_ij = exp(scale z_ij) / sum_j exp(scale z_ij);  z: [rows, columns], scale >
  // 0
  void (*softmax)(T* z, size_t rows, size_t columns, T scale);
  // gradient, of p, turned into that of z: dz_ij = scale p_ij (dp_ij - sum_j p_ij dp_ij)
  void (*softmax_backward)(const T* p, size_t rows, size_t columns, T scale, T* gradient);
  // scores(t, j) = sum_i v(i) tanh(u(j, i) + c(t, i));  scores: [task_count, token_count]
  void (*align)(const Alignment<T>& alignment, T* scores);
  void (*align_backward)(const Alignment<T>& alignment, const AlignmentGradient<T>& gradient);
};

enum class InstructionSet : uint8_t { kPlain, kAvx2, kAvx512 };

// What this processor and system can run, kPlain first, the best last.
std::vector<InstructionSet> AvailableInstructionSets();

const KernelSet<float>& KernelsOf(InstructionSet instructions);
// Of the best set there is; of double (finite differences) there is the plain one alone.
template <typename T>
const KernelSet<T>& BestKernels();

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_KERNELS_H_
