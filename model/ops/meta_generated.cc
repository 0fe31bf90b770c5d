#include <algorithm>

#include "model/ops/meta_methods.h"

namespace caravan::model {
namespace {

// Lanes for which W is formed at a time: four vectors of the widest kind.
constexpr size_t kTileLanes = 64;
// Outputs for which it is applied at a time, so that rows of h are loaded once for all of them.
constexpr size_t kTileOutputs = 4;
// Elements of W in a panel, of which the panel's dW takes as many times the lanes.
constexpr size_t kPanelElements = 128;
// Columns of a panel. Each panel touches y of its outputs (backward dz) once, which for many rows
// is far more than a cache holds: the more columns, the fewer times.
constexpr size_t kPanelColumns = 32;
constexpr size_t kPanelOutputs = kPanelElements / kPanelColumns;

struct Panel {
  size_t output = 0;  // first
  size_t outputs = 0;
  size_t column = 0;  // first
  size_t columns = 0;
  size_t elements() const { return outputs * columns; }
};

// Visits the panels column by column, so that rows of h stay near: visit(panel, next panel), the
// latter empty behind the last.
template <typename T, typename Visit>
void ForEachPanel(const GeneratedMap<T>& map, const Visit& visit) {
  const auto at = [&](size_t column, size_t output) {
    if (column >= map.columns) return Panel{};
    return Panel{output, std::min(kPanelOutputs, map.outputs - output), column,
                 std::min(kPanelColumns, map.columns - column)};
  };
  for (size_t column = 0; column < map.columns; column += kPanelColumns) {
    for (size_t output = 0; output < map.outputs; output += kPanelOutputs) {
      const size_t next = output + kPanelOutputs;
      visit(at(column, output),
            next < map.outputs ? at(column, next) : at(column + kPanelColumns, 0));
    }
  }
}

// The panel's part of V_w as [elements, PaddedLanes(s)] and of v_w as [elements]: read once for all
// lanes, and out of the reach of strides that are powers of two.
template <typename T>
void CopyPanel(const GeneratedMap<T>& map, const Panel& panel, T* weights, T* start) {
  const size_t padded = PaddedLanes(map.scenario);
  for (size_t i = 0; i < panel.outputs; ++i) {
    const size_t first = (panel.output + i) * map.width + panel.column;
    const T* from = map.weight_map + first * map.scenario;
    for (size_t j = 0; j < panel.columns; ++j, from += map.scenario, weights += padded) {
      std::copy_n(from, map.scenario, weights);
      std::fill_n(weights + map.scenario, padded - map.scenario, T{0});
    }
    start = std::copy_n(map.weight_start + first, panel.columns, start);
  }
}

// What both directions hold.
template <typename T>
struct Buffers {
  Buffers(T* scratch, size_t scenario)
      : weights(scratch),
        start(weights + kPanelElements * PaddedLanes(scenario)),
        tile(start + kPanelElements),
        weight_gradient(tile + kTileOutputs * kPanelColumns * kTileLanes) {}
  T* weights;
  T* start;
  T* tile;
  T* weight_gradient;  // [kPanelElements, lane_stride]
};

// W of `outputs` outputs of the panel, the first of them `output`, for kTileLanes lanes or what is
// left of them.
template <typename T>
struct Tile {
  size_t output = 0;
  size_t outputs = 0;
  size_t lane = 0;
  size_t lanes = 0;
  T* weights = nullptr;  // [outputs * columns, kTileLanes]
};

template <typename T, typename Visit>
void ForEachTile(const GeneratedMap<T>& map, const Panel& panel, const Panel& next,
                 const Buffers<T>& buffers, const Visit& visit) {
  const size_t padded = PaddedLanes(map.scenario);
  const T* next_map = map.weight_map + (next.output * map.width + next.column) * map.scenario;
  for (size_t lane = 0; lane < map.lanes; lane += kTileLanes) {
    for (size_t output = 0; output < panel.outputs; output += kTileOutputs) {
      const Tile<T> tile{output, std::min(kTileOutputs, panel.outputs - output), lane,
                         std::min(kTileLanes, map.lanes - lane), buffers.tile};
      const size_t first = output * panel.columns;
      // Rows of the next panel, in equal shares over the lanes.
      const size_t fetched = output == 0 ? next.outputs * lane / map.lanes : 0;
      const size_t fetch_end = output == 0 ? next.outputs * (lane + tile.lanes) / map.lanes : 0;
      map.kernels->multiply({.a = buffers.weights + first * padded,
                             .a_row = padded,
                             .a_step = 1,
                             .b = map.scenario_lanes + lane,
                             .b_step = map.lane_stride,
                             .c = tile.weights,
                             .c_row = kTileLanes,
                             .rows = tile.outputs * panel.columns,
                             .columns = tile.lanes,
                             .inner = map.scenario,
                             .start = ProductStart::kRows,
                             .row_start = buffers.start + first,
                             .ahead = {.data = next_map + fetched * map.width * map.scenario,
                                       .rows = fetch_end - fetched,
                                       .row_elements = next.columns * map.scenario,
                                       .row_stride = map.width * map.scenario}});
      visit(tile);
    }
  }
}

// From the panel's dW, those of V_w, v_w and s.
template <typename T>
void PanelBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient,
                   const Panel& panel, const Buffers<T>& buffers) {
  const size_t padded = PaddedLanes(map.scenario);
  for (size_t i = 0; i < panel.outputs; ++i) {
    const size_t first = (panel.output + i) * map.width + panel.column;
    const T* dw = buffers.weight_gradient + i * panel.columns * map.lane_stride;
    map.kernels->multiply(
        {.a = dw,
         .a_row = map.lane_stride,
         .a_step = 1,
         .b = map.scenario_rows,
         .b_step = padded,
         .c = gradient.weight_map + first * map.scenario,
         .c_row = map.scenario,
         .rows = panel.columns,
         .columns = map.scenario,
         .inner = map.lanes,
         .start = gradient.overwrites_map ? ProductStart::kZero : ProductStart::kAdd});
    map.kernels->add_row_sums(dw, map.lane_stride, panel.columns, map.lanes,
                              gradient.weight_start + first);
  }
  map.kernels->multiply({.a = buffers.weight_gradient,
                         .a_row = 1,
                         .a_step = map.lane_stride,
                         .b = buffers.weights,
                         .b_step = padded,
                         .c = gradient.scenario_rows,
                         .c_row = padded,
                         .rows = map.lanes,
                         .columns = map.scenario,
                         .inner = panel.elements(),
                         .start = ProductStart::kAdd});
}

}  // namespace

size_t GenerateScratch(size_t scenario, size_t lane_stride) {
  return kPanelElements * (PaddedLanes(scenario) + 1 + lane_stride) +
         kTileOutputs * kPanelColumns * kTileLanes;
}

template <typename T>
void GenerateForward(const GeneratedMap<T>& map, const T* h, T* y, T* scratch) {
  const Buffers<T> buffers(scratch, map.scenario);
  const size_t row_block = map.rows * map.lane_stride;
  ForEachPanel(map, [&](const Panel& panel, const Panel& next) {
    CopyPanel(map, panel, buffers.weights, buffers.start);
    ForEachTile(map, panel, next, buffers, [&](const Tile<T>& tile) {
      map.kernels->apply({.w = tile.weights,
                          .w_row = kTileLanes,
                          .h = h + panel.column * row_block + tile.lane,
                          .y = y + (panel.output + tile.output) * row_block + tile.lane,
                          .lane_stride = map.lane_stride,
                          .outputs = tile.outputs,
                          .columns = panel.columns,
                          .rows = map.rows,
                          .lanes = tile.lanes});
    });
  });
}

template <typename T>
void GenerateBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient,
                      T* scratch) {
  const Buffers<T> buffers(scratch, map.scenario);
  const size_t row_block = map.rows * map.lane_stride;
  ForEachPanel(map, [&](const Panel& panel, const Panel& next) {
    CopyPanel(map, panel, buffers.weights, buffers.start);
    const auto apply = [&](const Tile<T>& tile) {
      const size_t h_at = panel.column * row_block + tile.lane;
      const size_t z_at = (panel.output + tile.output) * row_block + tile.lane;
      const size_t w_at = tile.output * panel.columns * map.lane_stride + tile.lane;
      map.kernels->apply_backward({.w = tile.weights,
                                   .w_row = kTileLanes,
                                   .h = gradient.h + h_at,
                                   .dz = gradient.dz + z_at,
                                   .dh = gradient.dh + h_at,
                                   .dw = buffers.weight_gradient + w_at,
                                   .lane_stride = map.lane_stride,
                                   .outputs = tile.outputs,
                                   .columns = panel.columns,
                                   .rows = map.rows,
                                   .lanes = tile.lanes});
    };
    ForEachTile(map, panel, next, buffers, apply);
    if (panel.output == 0) {
      gradient.await_columns(panel.column, panel.column + panel.columns);
    }
    PanelBackward(map, gradient, panel, buffers);
  });
}

template void GenerateForward(const GeneratedMap<float>&, const float*, float*, float*);
template void GenerateForward(const GeneratedMap<double>&, const double*, double*, double*);
template void GenerateBackward(const GeneratedMap<float>&, const GeneratedGradient<float>&, float*);
template void GenerateBackward(const GeneratedMap<double>&, const GeneratedGradient<double>&,
                               double*);

}  // namespace caravan::model
