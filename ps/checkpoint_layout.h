// Names and small records of a lane's part of a checkpoint; see docs/formats/checkpoint.md.
#ifndef CARAVAN_PS_CHECKPOINT_LAYOUT_H_
#define CARAVAN_PS_CHECKPOINT_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "conf/manifest.pb.h"
#include "conf/model_spec.pb.h"

namespace caravan::ps {

inline constexpr uint32_t kLaneFormat = 2;

// "lane-007"
std::string LaneDirectory(LaneId lane);

// Every shard has one: [format u32][rows u64], little-endian.
std::string FormatShardRecord(uint64_t rows);
// The shard's rows; DATA_LOSS where malformed, FAILED_PRECONDITION where of another format.
absl::StatusOr<uint64_t> ParseShardRecord(std::string_view value);

// That `manifest` is of this model, seed and number of shards, and names its lanes.
absl::Status CheckManifest(const std::string& directory, const conf::Manifest& manifest,
                           const conf::ModelSpec& model, uint64_t seed);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_CHECKPOINT_LAYOUT_H_
