// The file STATE of a lane's folder, and of a lane's part of a checkpoint: whose it is, and which
// images of which LSN stand for it. Replaced whole, by rename: what it names is complete. See
// docs/formats/push_log.md.
#ifndef CARAVAN_PS_LANE_STATE_H_
#define CARAVAN_PS_LANE_STATE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "storage/image.h"

namespace caravan::ps {

inline constexpr std::string_view kStateName = "STATE";
// Beside it.
inline constexpr std::string_view kColdName = "rocksdb";
inline constexpr std::string_view kLogName = "log";
inline constexpr std::string_view kImagesName = "images";

struct LaneState {
  uint64_t run_id = 0;
  uint32_t lane = 0;
  uint32_t lanes_total = 0;
  uint32_t durability = 0;  // conf.Durability
  std::string boot_id;      // of the machine's run in which it was written
  uint64_t lsn = 0;         // that the images are of
  std::vector<storage::ImagePart> parts;

  // Of the files that belong to it: those of another lane or run are no part of it.
  uint64_t identity() const;
  // Of the image that follows.
  uint32_t next_image() const { return parts.empty() ? 1 : parts.back().image + 1; }
};

std::string FormatLaneState(const LaneState& state);
// DATA_LOSS where it is damaged, FAILED_PRECONDITION where of another format; `path` for the text.
absl::StatusOr<LaneState> ParseLaneState(std::string_view bytes, const std::string& path);
// NOT_FOUND where the folder has none.
absl::StatusOr<LaneState> ReadLaneState(storage::FileSystem& file_system,
                                        const std::string& directory);

// A lane's part of a checkpoint, as of the LSN that it names.
absl::StatusOr<std::unique_ptr<storage::RecordStore>> OpenCheckpointLane(
    storage::FileSystem& file_system, storage::RecordStores& stores, const std::string& directory,
    uint64_t cache_bytes);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_LANE_STATE_H_
