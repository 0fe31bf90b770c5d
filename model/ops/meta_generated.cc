#include <algorithm>

#include "model/ops/lane_rows.h"
#include "model/ops/meta_methods.h"

namespace caravan::model {
namespace {

// Lanes for which W is formed at a time: four vectors of the widest kind.
constexpr size_t kTileLanes = 64;
constexpr size_t kTileStride = LaneStride(kTileLanes);
// Outputs and columns of a panel.
constexpr size_t kPanelOutputs = 16;
constexpr size_t kPanelColumns = 16;
constexpr size_t kPanelElements = kPanelOutputs * kPanelColumns;
// Slots to which a panel's W is applied at a time.
constexpr size_t kSlotsAtATime = 20;
// What a group of panels may have of arrays of lanes: most of a second-level cache.
constexpr size_t kGroupBytes = size_t{768} << 10;

struct Panel {
  size_t output = 0;  // first
  size_t outputs = 0;
  size_t column = 0;  // first
  size_t columns = 0;
  size_t elements() const { return outputs * columns; }
};

template <typename T>
Panel PanelAt(const GeneratedMap<T>& map, size_t output, size_t column) {
  return {output, std::min(kPanelOutputs, map.outputs - output), column,
          std::min(kPanelColumns, map.columns - column)};
}

// Outputs or columns of a group: as many panels as keep what they have of `arrays` arrays of lanes
// in the second-level cache.
template <typename T>
size_t GroupOf(const GeneratedMap<T>& map, size_t panel, size_t arrays) {
  const size_t bytes = panel * map.slots * map.lanes * arrays * sizeof(T);
  return std::max<size_t>(1, kGroupBytes / bytes) * panel;
}

// Hands panels on one behind: visit(panel, next panel), the latter empty behind the last.
template <typename Visit>
class Pairwise {
 public:
  explicit Pairwise(const Visit& visit) : visit_(visit) {}
  void Add(const Panel& panel) {
    if (before_.outputs > 0) visit_(before_, panel);
    before_ = panel;
  }
  void Finish() { visit_(before_, Panel{}); }

 private:
  const Visit& visit_;
  Panel before_;
};

// Groups of outputs, whose y stays near while all columns pass.
template <typename T, typename Visit>
void ForEachPanelForward(const GeneratedMap<T>& map, const Visit& visit) {
  const size_t group = GroupOf(map, kPanelOutputs, 1);
  Pairwise<Visit> panels(visit);
  for (size_t first = 0; first < map.outputs; first += group) {
    const size_t end = std::min(map.outputs, first + group);
    for (size_t column = 0; column < map.columns; column += kPanelColumns) {
      for (size_t output = first; output < end; output += kPanelOutputs) {
        panels.Add(PanelAt(map, output, column));
      }
    }
  }
  panels.Finish();
}

// Groups of columns, whose h and dh stay near while all outputs pass. begin_group(first, end) is
// called before the first panel of columns [first, end) is visited.
template <typename T, typename BeginGroup, typename Visit>
void ForEachPanelBackward(const GeneratedMap<T>& map, const BeginGroup& begin_group,
                          const Visit& visit) {
  const size_t group = GroupOf(map, kPanelColumns, 2);
  const auto visit_panel = [&](const Panel& panel, const Panel& next) {
    if (panel.output == 0 && panel.column % group == 0) {
      begin_group(panel.column, std::min(map.columns, panel.column + group));
    }
    visit(panel, next);
  };
  Pairwise<decltype(visit_panel)> panels(visit_panel);
  for (size_t first = 0; first < map.columns; first += group) {
    const size_t end = std::min(map.columns, first + group);
    for (size_t output = 0; output < map.outputs; output += kPanelOutputs) {
      for (size_t column = first; column < end; column += kPanelColumns) {
        panels.Add(PanelAt(map, output, column));
      }
    }
  }
  panels.Finish();
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
        weight_gradient(tile + kPanelElements * kTileStride) {}
  T* weights;
  T* start;
  T* tile;             // W of the panel for the lanes of a tile: [kPanelElements, lanes]
  T* weight_gradient;  // [kPanelElements, lane_stride]
};

// What a panel's W meets: some slots of kLaneMultiple lanes.
template <typename T>
struct Patch {
  const T* weights;  // of these lanes, within the tile
  size_t stride;     // of the tile: its lanes
  size_t lane;       // first
  size_t slot;       // first
  size_t slots;
};

// Rows [first, end) of the panel's part of V_w, or of an array laid out as it.
template <typename T>
Ahead<T> RowsAhead(const GeneratedMap<T>& map, const T* weight_map, const Panel& panel,
                   size_t first, size_t end) {
  const size_t row = map.width * map.scenario;
  return {.data = weight_map + (panel.output + first) * row + panel.column * map.scenario,
          .rows = end - first,
          .row_elements = panel.columns * map.scenario,
          .row_stride = row};
}

template <typename T>
Ahead<T> WrittenAhead(const GeneratedMap<T>& map, const T* d_map, const Panel& panel, size_t first,
                      size_t end) {
  Ahead<T> ahead = RowsAhead(map, d_map, panel, first, end);
  ahead.written = true;
  return ahead;
}

// Forms W of the panel for a tile of lanes after the other and visits its patches; meanwhile
// fetches the first `fetched_rows` rows of the next panel.
template <typename T, typename Visit>
void ForEachPatch(const GeneratedMap<T>& map, const Panel& panel, const Panel& next,
                  size_t fetched_rows, const Buffers<T>& buffers, const Visit& visit) {
  const size_t padded = PaddedLanes(map.scenario);
  for (size_t tile = 0; tile < map.lanes; tile += kTileLanes) {
    const size_t tile_end = std::min(map.lanes, tile + kTileLanes);
    const size_t tile_lanes = tile_end - tile;
    // In equal shares over the lanes.
    const size_t fetched = fetched_rows * tile / map.lanes;
    const size_t fetch_end = fetched_rows * tile_end / map.lanes;
    map.kernels->multiply({.a = buffers.weights,
                           .a_row = padded,
                           .a_step = 1,
                           .b = map.scenario_lanes + tile,
                           .b_step = map.lane_stride,
                           .c = buffers.tile,
                           .c_row = kTileStride,
                           .rows = panel.elements(),
                           .columns = tile_lanes,
                           .inner = map.scenario,
                           .start = ProductStart::kRows,
                           .row_start = buffers.start,
                           .ahead = RowsAhead(map, map.weight_map, next, fetched, fetch_end)});
    for (size_t lane = tile; lane < tile_end; lane += kLaneMultiple) {
      for (size_t slot = 0; slot < map.slots; slot += kSlotsAtATime) {
        visit(Patch<T>{buffers.tile + (lane - tile), kTileStride, lane, slot,
                       std::min(kSlotsAtATime, map.slots - slot)});
      }
    }
  }
}

// From the panel's dW, those of V_w, v_w and s. Meanwhile fetches what is written next of V_w's
// gradient, which else would wait for memory line by line, and rows of the next panel from
// `fetched_rows` on.
template <typename T>
void PanelBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient,
                   const Panel& panel, const Panel& next, size_t fetched_rows,
                   const Buffers<T>& buffers) {
  const size_t padded = PaddedLanes(map.scenario);
  const T* d_map = gradient.weight_map;
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
         .start = gradient.overwrites_map ? ProductStart::kZero : ProductStart::kAdd,
         .ahead = i + 1 < panel.outputs
                      ? WrittenAhead(map, d_map, panel, i + 1, i + 2)
                      : WrittenAhead(map, d_map, next, 0, std::min<size_t>(1, next.outputs))});
    map.kernels->add_row_sums(dw, map.lane_stride, panel.columns, map.lanes,
                              gradient.weight_start + first);
  }
  map.kernels->multiply(
      {.a = buffers.weight_gradient,
       .a_row = 1,
       .a_step = map.lane_stride,
       .b = buffers.weights,
       .b_step = padded,
       .c = gradient.scenario_rows,
       .c_row = padded,
       .rows = map.lanes,
       .columns = map.scenario,
       .inner = panel.elements(),
       .start = ProductStart::kAdd,
       .ahead = RowsAhead(map, map.weight_map, next, fetched_rows, next.outputs)});
}

// y(i, r) += sum_j W(i, j) h(j, r)
template <typename T>
void ApplyPatch(const GeneratedMap<T>& map, const Panel& panel, const Patch<T>& patch, const T* h,
                T* y) {
  const LaneLayout input = LaneLayout::Blocked(map.columns, map.slots);
  const LaneLayout output = LaneLayout::Blocked(map.outputs, map.slots);
  map.kernels->multiply_lanes(
      {.a = patch.weights,
       .a_row = panel.columns * patch.stride,
       .a_step = patch.stride,
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
                               .a_row = patch.stride,
                               .a_step = panel.columns * patch.stride,
                               .b = dz,
                               .b_step = output.step(),
                               .b_column = kLaneMultiple,
                               .c = gradient.dh + h_at,
                               .c_row = input.step(),
                               .c_column = kLaneMultiple,
                               .rows = panel.columns,
                               .columns = patch.slots,
                               .inner = panel.outputs,
                               .adds = panel.output > 0 || !gradient.overwrites_dh});
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
  return kPanelElements * (PaddedLanes(scenario) + 1 + kTileStride + lane_stride);
}

template <typename T>
void GenerateForward(const GeneratedMap<T>& map, const T* h, T* y, T* scratch) {
  const Buffers<T> buffers(scratch, map.scenario);
  ForEachPanelForward(map, [&](const Panel& panel, const Panel& next) {
    CopyPanel(map, panel, buffers.weights, buffers.start);
    ForEachPatch(map, panel, next, next.outputs, buffers,
                 [&](const Patch<T>& patch) { ApplyPatch(map, panel, patch, h, y); });
  });
}

template <typename T>
void GenerateBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient,
                      T* scratch) {
  const Buffers<T> buffers(scratch, map.scenario);
  ForEachPanelBackward(map, gradient.await_columns, [&](const Panel& panel, const Panel& next) {
    CopyPanel(map, panel, buffers.weights, buffers.start);
    const size_t fetched_rows = next.outputs / 2;
    ForEachPatch(map, panel, next, fetched_rows, buffers, [&](const Patch<T>& patch) {
      ApplyPatchBackward(map, gradient, panel, patch, buffers.weight_gradient);
    });
    PanelBackward(map, gradient, panel, next, fetched_rows, buffers);
  });
}

template void GenerateForward(const GeneratedMap<float>&, const float*, float*, float*);
template void GenerateForward(const GeneratedMap<double>&, const double*, double*, double*);
template void GenerateBackward(const GeneratedMap<float>&, const GeneratedGradient<float>&, float*);
template void GenerateBackward(const GeneratedMap<double>&, const GeneratedGradient<double>&,
                               double*);

}  // namespace caravan::model
