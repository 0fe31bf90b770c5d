// From rows of samples to lanes (model/lane_plan.h) and back. Values hold rows [B, rows, width];
// slot q * R + r of lane l holds row r of the lane's q-th sample, zeros where it has none.
#ifndef CARAVAN_MODEL_OPS_LANE_ROWS_H_
#define CARAVAN_MODEL_OPS_LANE_ROWS_H_

#include <cstddef>

#include "model/kernels/kernels.h"
#include "model/lane_plan.h"

namespace caravan::model {

// Rows [first, first + count) of each sample.
struct SampleRows {
  size_t per_sample = 0;  // of the value
  size_t first = 0;
  size_t count = 0;  // R
  size_t width = 0;
};

// Where an array of lanes has column j of slot q of lane l: at Offset(q, l) + j * step().
struct LaneLayout {
  // kLaneMultiple lanes at a time, with all their columns and slots: [lanes / 16, width, slots,
  // 16]. So what 16 lanes of a few columns hold lies in one piece.
  static LaneLayout Blocked(size_t width, size_t slots) {
    return {kLaneMultiple, width * SlotStride(slots) * kLaneMultiple, SlotStride(slots),
            kLaneMultiple};
  }
  // All lanes of a column: [width, stride]; one slot.
  static LaneLayout Rows(size_t lane_stride) { return {lane_stride, 0, 1, lane_stride}; }

  // Slots from one column to the next: columns a power of two apart would fall into the same few
  // lines of a cache.
  static size_t SlotStride(size_t slots) { return slots % 16 == 0 ? slots + 1 : slots; }
  // Elements of a column of so many slots, counted over all lanes, at most.
  static size_t ColumnElementsMax(size_t slots) { return slots + slots / 16; }

  size_t Offset(size_t slot, size_t lane) const {
    return lane / block_lanes * block_stride + slot * lane_stride + lane % block_lanes;
  }
  size_t step() const { return slot_stride * lane_stride; }

  size_t block_lanes;
  size_t block_stride;
  size_t slot_stride;
  size_t lane_stride;
};

// Visits the slots of lanes [lane, lane + kLaneMultiple): visit(slot, rows), rows[i] the row of
// lane lane + i, null where it has none.
template <typename T, typename Visit>
void ForEachSlot(const Lanes& lanes, size_t lane, const SampleRows& rows, T* value,
                 const Visit& visit) {
  T* found[kLaneMultiple];
  for (size_t slot = 0; slot < lanes.depth * rows.count; ++slot) {
    const uint32_t* samples = &lanes.samples[slot / rows.count * lanes.count + lane];
    const size_t row = rows.first + slot % rows.count;
    for (size_t i = 0; i < kLaneMultiple; ++i) {
      const size_t sample = samples[i];
      found[i] =
          sample == kNoSample ? nullptr : value + (sample * rows.per_sample + row) * rows.width;
    }
    visit(slot, found);
  }
}

// Of kLaneMultiple lanes from `lane` on.
template <typename T>
void ToLanes(const KernelSet<T>& kernels, const Lanes& lanes, size_t lane, const LaneLayout& layout,
             const SampleRows& rows, const T* value, T* out) {
  ForEachSlot(lanes, lane, rows, value, [&](size_t slot, const T* const* found) {
    kernels.to_lanes({.width = rows.width, .step = layout.step()}, found,
                     out + layout.Offset(slot, lane));
  });
}

template <typename T>
void ToLanes(const KernelSet<T>& kernels, const Lanes& lanes, const LaneLayout& layout,
             const SampleRows& rows, const T* value, T* out) {
  for (size_t lane = 0; lane < lanes.count; lane += kLaneMultiple) {
    ToLanes(kernels, lanes, lane, layout, rows, value, out);
  }
}

// `shape`: what LaneRows says of bias, slope and adds; the bias is that of lane 0.
template <typename T>
void FromLanes(const KernelSet<T>& kernels, const Lanes& lanes, const LaneLayout& layout,
               const SampleRows& rows, const T* in, T* value, LaneRows<T> shape) {
  const T* const bias = shape.bias;
  shape.width = rows.width;
  shape.step = layout.step();
  for (size_t lane = 0; lane < lanes.count; lane += kLaneMultiple) {
    if (bias != nullptr) shape.bias = bias + lane;
    ForEachSlot(lanes, lane, rows, value, [&](size_t slot, T* const* found) {
      kernels.from_lanes(shape, in + layout.Offset(slot, lane), found);
    });
  }
}

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_LANE_ROWS_H_
