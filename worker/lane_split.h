// A batch's keys by lane, and the lanes' answers put back together.
#ifndef CARAVAN_WORKER_LANE_SPLIT_H_
#define CARAVAN_WORKER_LANE_SPLIT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "net/message.h"
#include "worker/lane_map.h"
#include "worker/parameter_source.h"

namespace caravan::worker {

// What one lane holds of a batch: keys table by table, ascending and unique within each.
struct LaneKeys {
  google::protobuf::RepeatedPtrField<net::TableSpan> spans;  // tables with keys here, ascending
  std::vector<uint64_t> keys;
  std::vector<uint32_t> rows;  // beside keys: the key's index among its table's keys
  uint64_t signature = 0;      // of spans and keys
  uint64_t floats = 0;         // of all rows: Σ keys * width
};

// By lane. Reuses what it is given, so that nothing is allocated once sizes have been seen.
using LaneSplit = std::vector<LaneKeys>;
void SplitByLane(const LaneMap& map, const TableKeys& keys, LaneSplit& split);

// Puts a lane's rows (key order) where they belong. `rows`: by table, [keys, width], already sized.
// INVALID_ARGUMENT when the number of floats is not what the keys ask for.
absl::Status MergeRows(const LaneMap& map, const LaneKeys& lane_keys,
                       std::span<const float> weights, std::vector<std::vector<float>>& rows);

// The reverse, for gradients: the lane's rows one after another in key order, each passed through
// `copy(row, place)`; `gathered`: [lane_keys.floats]. False as soon as a copy says so.
template <typename Copy>
bool GatherRows(const LaneMap& map, const LaneKeys& lane_keys,
                std::span<const std::vector<float>> rows, std::span<float> gathered, Copy copy) {
  size_t key = 0;
  size_t place = 0;
  for (const net::TableSpan& span : lane_keys.spans) {
    const size_t width = map.width(span.table());
    const std::span<const float> table(rows[span.table()]);
    for (uint32_t i = 0; i < span.keys(); ++i, ++key, place += width) {
      const auto row = table.subspan(lane_keys.rows[key] * width, width);
      if (!copy(row, gathered.subspan(place, width))) return false;
    }
  }
  return true;
}

// Puts changed dense chunks (as PullReply names them) into the flat vector and notes their
// versions. INVALID_ARGUMENT when a chunk is not of this lane or the sizes do not add up.
absl::Status MergeChunks(const LaneMap& map, uint32_t lane, const net::PullReply& reply,
                         std::span<const float> values, Parameters& parameters);

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_LANE_SPLIT_H_
