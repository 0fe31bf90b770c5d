// Products with weights that are generated a lane (model/kernels/kernels.h), never held for a
// batch:
//   W_l = Reshape(V_w s_l + v_w) [n, width],   y(i, r, l) += sum_(j < columns) W_l(i, j) h(j, r, l)
// and their gradients. There are two exact ways, both without a buffer of lanes * n * n:
//
// Generate (any number of rows). V_w is read in panels of 16 outputs i and columns j. For 64 lanes
//   at a time the panel's W is formed, a product of inner extent s, and applied to these lanes'
//   rows of h, 16 lanes and 20 rows at a time, so that what the panel takes of h and y (backward
//   dz, dh) is 20 KB each in the first-level cache and meets all of the panel's W there. Backward
//   forms W again for dh, puts dW in its place, and once a panel has the dW of all lanes, a few
//   hundred kilobytes in the second-level cache, dV_w = dW s^T and ds = dW^T V_w are one product
//   each. So V_w and dV_w pass the memory once a direction, and each product has the whole batch, s
//   or the panel as its inner extent. Panels go in groups: forward of outputs, whose y stays in the
//   second-level cache while all columns of h pass, backward of columns, whose h and dh do so while
//   all outputs of dz pass. With few lanes the memory is the limit, so the next panel of V_w and
//   the next rows of dV_w are fetched while products are formed. FLOPs a lane: 2 n columns s
//   forward, three times that backward (W, dV_w, ds), and for each row 2 n columns forward and
//   twice that backward.
//
// Factor (one row, one lane a sample). With q(j, c, l) = h(j, l) s(c, l):
//   y(i, l) = sum_(j, c) V_w(i, j, c) q(j, c, l) + sum_j v_w(i, j) h(j, l)
//   one product of inner extent columns * s, for which q is formed in blocks of columns. Backward
//   z = V_w^T dz gives dh(j) = sum_c z(j, c) s(c) and ds(c) = sum_j z(j, c) h(j), and dV_w = dz
//   q^T. FLOPs a sample: 2 n columns s forward, twice that backward: three products where
//   generating has four, but for every row anew.
//
// ChooseMethod takes the one of fewer FLOPs.
#ifndef CARAVAN_MODEL_OPS_META_WEIGHTS_H_
#define CARAVAN_MODEL_OPS_META_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "model/kernels/kernels.h"

namespace caravan::model {

enum class MetaMethod : uint8_t { kGenerate, kFactor };

// Multiply-adds by n * columns, forward and backward together.
struct MetaCosts {
  double lane = 0;          // of generating, a lane
  double row = 0;           // of applying what was generated, a row
  double factored_row = 0;  // of the factored product, a row, which takes neither of the above
};
MetaCosts CostsOf(size_t scenario);

// For `samples` of `rows` rows each. `lanes`: of `depth` samples each, where W is generated.
MetaMethod ChooseMethod(size_t scenario, size_t rows, size_t samples, size_t lanes, size_t depth);

template <typename T>
struct GeneratedMap {
  const KernelSet<T>* kernels = nullptr;
  MetaMethod method = MetaMethod::kGenerate;
  size_t outputs = 0;   // n
  size_t columns = 0;   // of W that are applied
  size_t width = 0;     // of W: from a row to the next
  size_t scenario = 0;  // s
  size_t slots = 0;     // of h and y, a lane: rows that W meets; 1 where factored
  size_t lanes = 0;     // a multiple of kLaneMultiple
  size_t lane_stride = 0;
  const T* weight_map = nullptr;      // V_w: [n * width, s]
  const T* weight_start = nullptr;    // v_w: [n * width]
  const T* scenario_lanes = nullptr;  // [s, lane_stride]
  const T* scenario_rows = nullptr;   // [lanes, PaddedLanes(s)]
};

// Arrays of lanes unless said otherwise. h, dh: [columns]; y, dz: [n], of `slots` slots laid out as
// LaneLayout::Blocked, where factored as LaneLayout::Rows (model/ops/lane_rows.h). All but dz and h
// are added to.
template <typename T>
struct GeneratedGradient {
  const T* h = nullptr;
  const T* h_rows = nullptr;  // [lanes + 1, PaddedLanes(columns)], where factored
  const T* dz = nullptr;
  T* dh = nullptr;
  T* weight_map = nullptr;
  T* weight_start = nullptr;
  T* scenario_lanes = nullptr;  // where factored: [s, lane_stride]
  T* scenario_rows = nullptr;   // where generated: [lanes, PaddedLanes(s)]
  // Whether weight_map's columns are overwritten.
  bool overwrites_map = false;
  bool overwrites_dh = false;  // the same of dh, where generated
  // Called, in ascending order, before columns [first, end) of weight_map and weight_start are
  // written.
  std::function<void(size_t first, size_t end)> await_columns;
};

// y is overwritten. `scratch`: as many elements as the function below says.
template <typename T>
void ApplyGenerated(const GeneratedMap<T>& map, const T* h, T* y, std::span<T> scratch);
template <typename T>
void ApplyGeneratedBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient,
                            std::span<T> scratch);

// For either method and both functions, whatever the rows.
size_t GeneratedScratchElements(size_t outputs, size_t columns, size_t scenario,
                                size_t lane_stride);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_META_WEIGHTS_H_
