// Which lane holds what of a model, by the routing of the run: rows by key, dense chunks by list.
#ifndef CARAVAN_WORKER_LANE_MAP_H_
#define CARAVAN_WORKER_LANE_MAP_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "conf/model_spec.pb.h"
#include "net/placement.h"

namespace caravan::worker {

// Immutable once made, so threads may share it.
class LaneMap {
 public:
  // `shard_lanes`: by ShardId, as in Routing. INVALID_ARGUMENT when it names a lane past `lanes`.
  static absl::StatusOr<LaneMap> Create(const conf::ModelSpec& model,
                                        std::vector<uint32_t> shard_lanes, uint32_t lanes);

  uint32_t lanes() const { return static_cast<uint32_t>(lane_chunks_.size()); }
  uint32_t tables() const { return static_cast<uint32_t>(widths_.size()); }
  // Floats a row of `table`.
  uint32_t width(uint32_t table) const { return widths_[table]; }

  uint32_t LaneOfRow(uint32_t table, uint64_t key) const {
    const auto shards = static_cast<uint32_t>(shard_lanes_.size());
    return shard_lanes_[Index(net::ShardOfRow(TableId{table}, key, shards))];
  }

  // All dense chunks, by ChunkId.
  std::span<const net::DenseChunk> chunks() const { return chunks_; }
  // The chunks of a lane, ascending.
  std::span<const net::DenseChunk> LaneChunks(uint32_t lane) const { return lane_chunks_[lane]; }
  // Floats in all of a lane's chunks, and in the model's.
  uint64_t LaneDenseFloats(uint32_t lane) const { return lane_floats_[lane]; }
  uint64_t dense_floats() const { return dense_floats_; }

 private:
  LaneMap() = default;

  std::vector<uint32_t> shard_lanes_;
  std::vector<uint32_t> widths_;
  std::vector<net::DenseChunk> chunks_;
  std::vector<std::vector<net::DenseChunk>> lane_chunks_;
  std::vector<uint64_t> lane_floats_;
  uint64_t dense_floats_ = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_LANE_MAP_H_
