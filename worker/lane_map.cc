#include "worker/lane_map.h"

#include <fmt/format.h>

namespace caravan::worker {

absl::StatusOr<LaneMap> LaneMap::Create(const conf::ModelSpec& model,
                                        std::vector<uint32_t> shard_lanes, uint32_t lanes) {
  if (shard_lanes.empty() || lanes == 0) {
    return absl::InvalidArgumentError("the routing names no shards or no lanes");
  }
  for (size_t shard = 0; shard < shard_lanes.size(); ++shard) {
    if (shard_lanes[shard] >= lanes) {
      return absl::InvalidArgumentError(
          fmt::format("the routing puts shard {} on lane {}, but there are {} lanes", shard,
                      shard_lanes[shard], lanes));
    }
  }
  LaneMap map;
  map.shard_lanes_ = std::move(shard_lanes);
  for (const conf::TableSpec& table : model.tables()) map.widths_.push_back(table.width());
  map.chunks_ = net::DenseChunks(model, static_cast<uint32_t>(map.shard_lanes_.size()));
  map.dense_floats_ = net::DenseFloats(model);
  map.lane_chunks_.resize(lanes);
  map.lane_floats_.resize(lanes, 0);
  for (const net::DenseChunk& chunk : map.chunks_) {
    const uint32_t lane = map.shard_lanes_[Index(chunk.shard)];
    map.lane_chunks_[lane].push_back(chunk);
    map.lane_floats_[lane] += chunk.size;
  }
  return map;
}

}  // namespace caravan::worker
