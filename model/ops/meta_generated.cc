#include <algorithm>

#include "model/ops/lane_rows.h"
#include "model/ops/meta_methods.h"

namespace caravan::model {
namespace {

// Lanes for which W is formed at a time: four vectors of the widest kind.
constexpr size_t kTileLanes = 64;
// Outputs and columns of a panel.
constexpr size_t kPanelOutputs = 16;
constexpr size_t kPanelColumns = 16;
constexpr size_t kPanelElements = kPanelOutputs * kPanelColumns;
// Slots to which a panel's W is applied at a time.
constexpr size_t kSlotsAtATime = 20;

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
        weight_gradient(tile + kPanelElements * kTileLanes) {}
  T* weights;
  T* start;
  T* tile;             // W of the panel for kTileLanes lanes: [kPanelElements, kTileLanes]
  T* weight_gradient;  // [kPanelElements, lane_stride]
};

// What a panel's W meets: some slots of kLaneMultiple lanes.
template <typename T>
struct Patch {
  const T* weights;  // of these lanes, within the tile
  size_t lane;       // first
  size_t slot;       // first
  size_t slots;
};

// Forms W of the panel for a tile of lanes after the other and visits its patches.
template <typename T, typename Visit>
void ForEachPatch(const GeneratedMap<T>& map, const Panel& panel, const Panel& next,
                  const Buffers<T>& buffers, const Visit& visit) {
  const size_t padded = PaddedLanes(map.scenario);
  const T* next_map = map.weight_map + (next.output * map.width + next.column) * map.scenario;
  for (size_t tile = 0; tile < map.lanes; tile += kTileLanes) {
    const size_t tile_end = std::min(map.lanes, tile + kTileLanes);
    // Rows of the next panel, in equal shares over the lanes.
    const size_t fetched = next.outputs * tile / map.lanes;
    const size_t fetch_end = next.outputs * tile_end / map.lanes;
    map.kernels->multiply({.a = buffers.weights,
                           .a_row = padded,
                           .a_step = 1,
                           .b = map.scenario_lanes + tile,
                           .b_step = map.lane_stride,
                           .c = buffers.tile,
                           .c_row = kTileLanes,
                           .rows = panel.elements(),
                           .columns = tile_end - tile,
                           .inner = map.scenario,
                           .start = ProductStart::kRows,
                           .row_start = buffers.start,
                           .ahead = {.data = next_map + fetched * map.width * map.scenario,
                                     .rows = fetch_end - fetched,
                                     .row_elements = next.columns * map.scenario,
                                     .row_stride = map.width * map.scenario}});
    for (size_t lane = tile; lane < tile_end; lane += kLaneMultiple) {
      for (size_t slot = 0; slot < map.slots; slot += kSlotsAtATime) {
        visit(Patch<T>{buffers.tile + (lane - tile), lane, slot,
                       std::min(kSlotsAtATime, map.slots - slot)});
      }
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

// y(i, r) += sum_j W(i, j) h(j, r)
template <typename T>
void ApplyPatch(const GeneratedMap<T>& map, const Panel& panel, const Patch<T>& patch, const T* h,
                T* y) {
  const LaneLayout input = LaneLayout::Blocked(map.columns, map.slots);
  const LaneLayout output = LaneLayout::Blocked(map.outputs, map.slots);
  map.kernels->multiply_lanes(
      {.a = patch.weights,
       .a_row = panel.columns * kTileLanes,
       .a_step = kTileLanes,
       .b = h + input.Offset(patch.slot, patch.lane) + panel.column * input.step(),
       .b_step = input.step(),
       .b_column = kLaneMultiple,
       .c = y + output.Offset(patch.slot, patch.lane) + panel.output * output.step(),
       .c_row = output.step(),
       .c_column = kLaneMultiple,
       .rows = panel.outputs,
       .columns = patch.slots,
       .inner = panel.columns,
       .adds = panel.column > 0});
}

// dh(j, r) += sum_i W(i, j) dz(i, r),  dW(i, j) = sum_r dz(i, r) h(j, r)
template <typename T>
void ApplyPatchBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient,
                        const Panel& panel, const Patch<T>& patch, T* weight_gradient) {
  const LaneLayout input = LaneLayout::Blocked(map.columns, map.slots);
  const LaneLayout output = LaneLayout::Blocked(map.outputs, map.slots);
  const size_t h_at = input.Offset(patch.slot, patch.lane) + panel.column * input.step();
  const T* dz = gradient.dz + output.Offset(patch.slot, patch.lane) + panel.output * output.step();
  map.kernels->multiply_lanes({.a = patch.weights,
                               .a_row = kTileLanes,
                               .a_step = panel.columns * kTileLanes,
                               .b = dz,
                               .b_step = output.step(),
                               .b_column = kLaneMultiple,
                               .c = gradient.dh + h_at,
                               .c_row = input.step(),
                               .c_column = kLaneMultiple,
                               .rows = panel.columns,
                               .columns = patch.slots,
                               .inner = panel.outputs,
                               .adds = true});
  map.kernels->multiply_lanes({.a = dz,
                               .a_row = output.step(),
                               .a_step = kLaneMultiple,
                               .b = gradient.h + h_at,
                               .b_step = kLaneMultiple,
                               .b_column = input.step(),
                               .c = weight_gradient + patch.lane,
                               .c_row = panel.columns * map.lane_stride,
                               .c_column = map.lane_stride,
                               .rows = panel.outputs,
                               .columns = panel.columns,
                               .inner = patch.slots,
                               .adds = patch.slot > 0});
}

}  // namespace

size_t GenerateScratch(size_t scenario, size_t lane_stride) {
  return kPanelElements * (PaddedLanes(scenario) + 1 + kTileLanes + lane_stride);
}

template <typename T>
void GenerateForward(const GeneratedMap<T>& map, const T* h, T* y, T* scratch) {
  const Buffers<T> buffers(scratch, map.scenario);
  ForEachPanel(map, [&](const Panel& panel, const Panel& next) {
    CopyPanel(map, panel, buffers.weights, buffers.start);
    ForEachPatch(map, panel, next, buffers,
                 [&](const Patch<T>& patch) { ApplyPatch(map, panel, patch, h, y); });
  });
}

template <typename T>
void GenerateBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient,
                      T* scratch) {
  const Buffers<T> buffers(scratch, map.scenario);
  ForEachPanel(map, [&](const Panel& panel, const Panel& next) {
    CopyPanel(map, panel, buffers.weights, buffers.start);
    ForEachPatch(map, panel, next, buffers, [&](const Patch<T>& patch) {
      ApplyPatchBackward(map, gradient, panel, patch, buffers.weight_gradient);
    });
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
