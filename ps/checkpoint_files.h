// The last step of a lane's part of a checkpoint, once all its files are linked: they are synced,
// and their digests taken, beside the lane's thread. It may take long; images go on meanwhile.
#ifndef CARAVAN_PS_CHECKPOINT_FILES_H_
#define CARAVAN_PS_CHECKPOINT_FILES_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/side_thread.h"
#include "storage/file_system.h"

namespace caravan::ps {

// Owned and called by one lane thread.
class CheckpointFiles {
 public:
  struct File {
    std::string path;  // relative to the lane's part
    FileDigest digest;
  };
  struct Result {
    absl::Status status;
    std::vector<File> files;
  };

  // Both outlive it. `side` null: all is done in Begin.
  CheckpointFiles(storage::FileSystem* file_system, SideThread* side)
      : file_system_(file_system), job_(side) {}

  // `folder`: the lane's part. There is none under way.
  void Begin(std::string folder);
  bool is_active() const { return job_.is_started(); }
  // Once, when it is over; where it failed the folder is gone.
  std::optional<Result> TakeResult();

 private:
  absl::Status SyncAll();
  absl::Status SyncFolder(std::string_view folder);

  storage::FileSystem* const file_system_;
  std::map<std::string, FileDigest> known_;  // of the last checkpoint's files that never change
  // The job's while it is under way.
  std::string folder_;
  std::vector<File> files_;
  std::map<std::string, FileDigest> found_;
  SideJob job_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_CHECKPOINT_FILES_H_
