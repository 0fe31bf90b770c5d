// From rows of samples to lanes (model/lane_plan.h) and back. Values hold rows [B, rows, width];
// arrays of lanes are [width, slots, stride], slots = depth * R: slot q * R + r of lane l holds row
// r of the lane's q-th sample, zeros where it has none.
#ifndef CARAVAN_MODEL_OPS_LANE_ROWS_H_
#define CARAVAN_MODEL_OPS_LANE_ROWS_H_

#include <algorithm>
#include <cstddef>

#include "model/lane_plan.h"

namespace caravan::model {

// Rows [first, first + count) of each sample.
struct SampleRows {
  size_t per_sample = 0;  // of the value
  size_t first = 0;
  size_t count = 0;  // R
  size_t width = 0;
};

// Visits the slots of 16 lanes at a time: visit(slot, first lane, rows), rows[i] the row of lane
// first + i, as an offset into the value, or kNoRow.
inline constexpr size_t kNoRow = SIZE_MAX;

template <typename Visit>
void ForEachSlotOfLanes(const Lanes& lanes, const SampleRows& rows, const Visit& visit) {
  size_t offsets[kLaneMultiple];
  for (size_t slot = 0; slot < lanes.depth * rows.count; ++slot) {
    const uint32_t* samples = &lanes.samples[slot / rows.count * lanes.count];
    const size_t row = rows.first + slot % rows.count;
    for (size_t lane = 0; lane < lanes.count; lane += kLaneMultiple) {
      for (size_t i = 0; i < kLaneMultiple; ++i) {
        const uint32_t sample = samples[lane + i];
        offsets[i] = sample == kNoSample ? kNoRow : (sample * rows.per_sample + row) * rows.width;
      }
      visit(slot, lane, offsets);
    }
  }
}

// Columns at a time: their lines of the lanes stay in the first-level cache for 16 rows.
inline constexpr size_t kColumnsAtATime = 32;

template <typename T>
void ToLanes(const Lanes& lanes, const SampleRows& rows, const T* value, T* out) {
  const size_t step = lanes.depth * rows.count * lanes.stride();
  ForEachSlotOfLanes(lanes, rows, [&](size_t slot, size_t lane, const size_t* offsets) {
    T* to = out + slot * lanes.stride() + lane;
    for (size_t column = 0; column < rows.width; column += kColumnsAtATime) {
      const size_t end = std::min(rows.width, column + kColumnsAtATime);
      for (size_t i = 0; i < kLaneMultiple; ++i) {
        if (offsets[i] == kNoRow) {
          for (size_t j = column; j < end; ++j) to[j * step + i] = 0;
        } else {
          const T* from = value + offsets[i];
          for (size_t j = column; j < end; ++j) to[j * step + i] = from[j];
        }
      }
    }
  });
}

// put(element of the value, element of the lanes, column, lane) for every element of every
// sample's rows.
template <typename T, typename Put>
void FromLanes(const Lanes& lanes, const SampleRows& rows, const T* in, T* value, const Put& put) {
  const size_t step = lanes.depth * rows.count * lanes.stride();
  ForEachSlotOfLanes(lanes, rows, [&](size_t slot, size_t lane, const size_t* offsets) {
    const T* from = in + slot * lanes.stride() + lane;
    for (size_t column = 0; column < rows.width; column += kColumnsAtATime) {
      const size_t end = std::min(rows.width, column + kColumnsAtATime);
      for (size_t i = 0; i < kLaneMultiple; ++i) {
        if (offsets[i] == kNoRow) continue;
        T* to = value + offsets[i];
        for (size_t j = column; j < end; ++j) put(to[j], from[j * step + i], j, lane + i);
      }
    }
  });
}

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_LANE_ROWS_H_
