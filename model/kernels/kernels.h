// The inner loops of the meta units, once for each instruction set, chosen at run time.
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

// Generated weights applied: y(i, r, l) += sum_j w(i, j, l) h(j, r, l)
template <typename T>
struct Application {
  const T* w = nullptr;  // w(i, j, l) = w[(i * columns + j) * w_row + l]
  size_t w_row = 0;
  const T* h = nullptr;  // h(j, r, l) = h[(j * rows + r) * lane_stride + l]
  T* y = nullptr;        // y(i, r, l) = y[(i * rows + r) * lane_stride + l]
  size_t lane_stride = 0;
  size_t outputs = 0;  // i
  size_t columns = 0;  // j
  size_t rows = 0;     // r
  size_t lanes = 0;    // a multiple of kLaneMultiple
};

// Its gradient:
//   dh(j, r, l) += sum_i w(i, j, l) dz(i, r, l),  dw(i, j, l) = sum_r dz(i, r, l) h(j, r, l)
template <typename T>
struct ApplicationGradient {
  const T* w = nullptr;  // as above
  size_t w_row = 0;
  const T* h = nullptr;
  const T* dz = nullptr;  // laid out as y
  T* dh = nullptr;        // laid out as h
  T* dw = nullptr;        // dw(i, j, l) = dw[(i * columns + j) * lane_stride + l]
  size_t lane_stride = 0;
  size_t outputs = 0;
  size_t columns = 0;
  size_t rows = 0;
  size_t lanes = 0;
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

template <typename T>
struct KernelSet {
  const char* name;
  void (*multiply)(const Product<T>& product);
  void (*apply)(const Application<T>& application);
  void (*apply_backward)(const ApplicationGradient<T>& gradient);
  // z(j, c, l) = h(j, l) s(c, l)
  void (*form_products)(const ScenarioProducts<T>& products, T* z);
  // dh(j, l) += sum_c z(j, c, l) s(c, l),  ds(c, l) += sum_j z(j, c, l) h(j, l)
  void (*reduce_products)(const ScenarioProducts<T>& products, const T* z);
  // sums[m] += sum_l x[m * x_row + l];  lanes: a multiple of kLaneMultiple
  void (*add_row_sums)(const T* x, size_t x_row, size_t rows, size_t lanes, T* sums);
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
