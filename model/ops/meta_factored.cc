#include <algorithm>

#include "model/ops/meta_methods.h"

namespace caravan::model {
namespace {

// Inner extent of a block's product: enough for the tiles of C to be touched seldom, few enough for
// q of all lanes to stay in the second-level cache.
constexpr size_t kBlockInner = 256;

size_t BlockColumns(size_t scenario) { return std::max<size_t>(1, kBlockInner / scenario); }

// Elements from one row of a block to the next, where (j, c) is the innermost extent.
size_t BlockStride(size_t scenario) {
  return LaneStride(PaddedLanes(BlockColumns(scenario) * scenario));
}

template <typename T, typename Visit>
void ForEachBlock(const GeneratedMap<T>& map, const Visit& visit) {
  const size_t block = BlockColumns(map.scenario);
  for (size_t column = 0; column < map.columns; column += block) {
    visit(column, std::min(block, map.columns - column));
  }
}

template <typename T>
ScenarioProducts<T> ProductsOf(const GeneratedMap<T>& map, const T* h, size_t column,
                               size_t columns) {
  return {.h = h + column * map.lane_stride,
          .s = map.scenario_lanes,
          .lane_stride = map.lane_stride,
          .columns = columns,
          .scenario = map.scenario,
          .lanes = map.lanes};
}

// z = V_w^T dz of a block of columns, and what dh and ds take from it. V_w's rows lie far apart, at
// strides that are often powers of two: the block is copied first.
template <typename T>
void InputBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient, size_t column,
                   size_t columns, T* weights, T* z) {
  const size_t stride = BlockStride(map.scenario);
  const size_t inner = columns * map.scenario;
  for (size_t i = 0; i < map.outputs; ++i) {
    std::copy_n(map.weight_map + (i * map.width + column) * map.scenario, inner,
                weights + i * stride);
  }
  map.kernels->multiply({.a = weights,
                         .a_row = 1,
                         .a_step = stride,
                         .b = gradient.dz,
                         .b_step = map.lane_stride,
                         .c = z,
                         .c_row = map.lane_stride,
                         .rows = inner,
                         .columns = map.lanes,
                         .inner = map.outputs});
  ScenarioProducts<T> products = ProductsOf(map, gradient.h, column, columns);
  products.dh = gradient.dh + column * map.lane_stride;
  products.ds = gradient.scenario_lanes;
  map.kernels->reduce_products(products, z);
}

// dV_w = dz q^T of a block of columns; q: [lanes, (j, c)], an outer product a lane.
template <typename T>
void MapBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient, size_t column,
                 size_t columns, T* q) {
  const size_t stride = BlockStride(map.scenario);
  const size_t padded = PaddedLanes(map.scenario);
  for (size_t l = 0; l < map.lanes; ++l) {
    map.kernels->multiply({.a = gradient.h + column * map.lane_stride + l,
                           .a_row = map.lane_stride,
                           .a_step = 1,
                           .b = map.scenario_rows + l * padded,
                           .b_step = padded,
                           .c = q + l * stride,
                           .c_row = map.scenario,
                           .rows = columns,
                           .columns = map.scenario,
                           .inner = 1});
  }
  map.kernels->multiply(
      {.a = gradient.dz,
       .a_row = map.lane_stride,
       .a_step = 1,
       .b = q,
       .b_step = stride,
       .c = gradient.weight_map + column * map.scenario,
       .c_row = map.width * map.scenario,
       .rows = map.outputs,
       .columns = columns * map.scenario,
       .inner = map.lanes,
       .start = gradient.overwrites_map ? ProductStart::kZero : ProductStart::kAdd});
  // dv_w = dz h^T likewise.
  map.kernels->multiply({.a = gradient.dz,
                         .a_row = map.lane_stride,
                         .a_step = 1,
                         .b = gradient.h_rows + column,
                         .b_step = PaddedLanes(map.columns),
                         .c = gradient.weight_start + column,
                         .c_row = map.width,
                         .rows = map.outputs,
                         .columns = columns,
                         .inner = map.lanes,
                         .start = ProductStart::kAdd});
}

}  // namespace

size_t FactorScratch(size_t outputs, size_t scenario, size_t lane_stride) {
  const size_t stride = BlockStride(scenario);
  const size_t lanes_inner =
      std::max(BlockColumns(scenario) * scenario * lane_stride, lane_stride * stride);
  return outputs * stride + lanes_inner;
}

template <typename T>
void FactorForward(const GeneratedMap<T>& map, const T* h, T* y, T* scratch) {
  map.kernels->multiply({.a = map.weight_start,
                         .a_row = map.width,
                         .a_step = 1,
                         .b = h,
                         .b_step = map.lane_stride,
                         .c = y,
                         .c_row = map.lane_stride,
                         .rows = map.outputs,
                         .columns = map.lanes,
                         .inner = map.columns});
  ForEachBlock(map, [&](size_t column, size_t columns) {
    map.kernels->form_products(ProductsOf(map, h, column, columns), scratch);
    map.kernels->multiply({.a = map.weight_map + column * map.scenario,
                           .a_row = map.width * map.scenario,
                           .a_step = 1,
                           .b = scratch,
                           .b_step = map.lane_stride,
                           .c = y,
                           .c_row = map.lane_stride,
                           .rows = map.outputs,
                           .columns = map.lanes,
                           .inner = columns * map.scenario,
                           .start = ProductStart::kAdd});
  });
}

template <typename T>
void FactorBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient, T* scratch) {
  map.kernels->multiply({.a = map.weight_start,
                         .a_row = 1,
                         .a_step = map.width,
                         .b = gradient.dz,
                         .b_step = map.lane_stride,
                         .c = gradient.dh,
                         .c_row = map.lane_stride,
                         .rows = map.columns,
                         .columns = map.lanes,
                         .inner = map.outputs,
                         .start = ProductStart::kAdd});
  T* const weights = scratch;
  T* const block = weights + map.outputs * BlockStride(map.scenario);
  ForEachBlock(map, [&](size_t column, size_t columns) {
    InputBackward(map, gradient, column, columns, weights, block);
    gradient.await_columns(column, column + columns);
    MapBackward(map, gradient, column, columns, block);
  });
}

template void FactorForward(const GeneratedMap<float>&, const float*, float*, float*);
template void FactorForward(const GeneratedMap<double>&, const double*, double*, double*);
template void FactorBackward(const GeneratedMap<float>&, const GeneratedGradient<float>&, float*);
template void FactorBackward(const GeneratedMap<double>&, const GeneratedGradient<double>&,
                             double*);

}  // namespace caravan::model
