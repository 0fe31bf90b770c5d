// The MANIFEST of a checkpoint (conf/manifest.proto): written last, by rename, so that a checkpoint
// without it does not exist. Written by the scheduler, read by whoever restores or evaluates.
//
//   checkpoints/000007/MANIFEST     Protobuf text, closed by "# xxh3 <16 hex digits>\n"
//   checkpoints/000007/lane-NNN/    a lane's files, listed in the manifest with size and checksum
#ifndef CARAVAN_NET_MANIFEST_FILE_H_
#define CARAVAN_NET_MANIFEST_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/manifest.pb.h"
#include "net/wire.pb.h"

namespace caravan::net {

inline constexpr uint32_t kManifestVersion = 1;

// ".../checkpoints" and 7 give ".../checkpoints/000007".
std::string CheckpointDirectory(const std::string& checkpoints_directory, uint64_t checkpoint);

// A lane's part, below `lane_directory`, that is written: its files, as the lane answered.
void AddLane(const std::string& lane_directory, const SaveCheckpointReply& saved,
             conf::Manifest& manifest);

// Sets `version` and writes `directory`/MANIFEST; from then on the checkpoint exists.
absl::Status WriteManifest(const std::string& directory, conf::Manifest manifest);

// NOT_FOUND where `directory` has no MANIFEST, DATA_LOSS where it is damaged, FAILED_PRECONDITION
// where another version of the format wrote it.
absl::StatusOr<conf::Manifest> ReadManifest(const std::string& directory);

// Reads every file that `manifest` lists; DATA_LOSS names the first that is missing, of another
// size or of another content.
absl::Status VerifyFiles(const std::string& directory, const conf::Manifest& manifest);

// Numbers of the complete checkpoints (those with a MANIFEST), ascending. None where the folder
// is not there.
absl::StatusOr<std::vector<uint64_t>> ListCheckpoints(const std::string& checkpoints_directory);

// Directory of the newest complete checkpoint; NOT_FOUND where there is none.
absl::StatusOr<std::string> LatestCheckpoint(const std::string& checkpoints_directory);

// Number of the complete checkpoint at the end of the epoch that had the best validation score, by
// the newest complete one's account. NOT_FOUND where the run keeps no account of it
// (training.early_stopping), or where that checkpoint is not there.
absl::StatusOr<uint64_t> BestCheckpoint(const std::string& checkpoints_directory);

}  // namespace caravan::net

#endif  // CARAVAN_NET_MANIFEST_FILE_H_
