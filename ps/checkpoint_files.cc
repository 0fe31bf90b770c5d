#include "ps/checkpoint_files.h"

#include <utility>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "ps/lane_state.h"

namespace caravan::ps {

void CheckpointFiles::Begin(std::string folder) {
  folder_ = std::move(folder);
  files_.clear();
  found_.clear();
  job_.Start([this] {
    absl::Status status = SyncAll();
    // The first error is the one to tell.
    if (!status.ok()) file_system_->RemoveTree(folder_).IgnoreError();
    return status;
  });
}

std::optional<CheckpointFiles::Result> CheckpointFiles::TakeResult() {
  std::optional<absl::Status> status = job_.TakeResult();
  if (!status.has_value()) return std::nullopt;
  if (status->ok()) known_ = std::move(found_);
  return Result{.status = *std::move(status), .files = std::move(files_)};
}

absl::Status CheckpointFiles::SyncAll() {
  for (const std::string_view folder : {kColdName, kImagesName, std::string_view()}) {
    CARAVAN_RETURN_IF_ERROR(SyncFolder(folder));
  }
  return absl::OkStatus();
}

absl::Status CheckpointFiles::SyncFolder(std::string_view folder) {
  const std::string directory = fmt::format("{}/{}", folder_, folder);
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system_->List(directory));
  for (const std::string& name : names) {
    const std::string path = fmt::format("{}/{}", directory, name);
    if (file_system_->IsDirectory(path)) continue;
    const std::string relative = folder.empty() ? name : fmt::format("{}/{}", folder, name);
    // A table of RocksDB and an image's part never change under their name.
    const bool is_fixed = folder == kImagesName || name.ends_with(".sst");
    const auto known = known_.find(relative);
    File file{.path = relative, .digest = {}};
    if (is_fixed && known != known_.end()) {
      file.digest = known->second;
    } else {
      // RocksDB has synced its own.
      if (folder == kImagesName) CARAVAN_RETURN_IF_ERROR(file_system_->SyncFile(path));
      CARAVAN_ASSIGN_OR_RETURN(file.digest, file_system_->DigestFile(path));
    }
    if (is_fixed) found_[relative] = file.digest;
    files_.push_back(std::move(file));
  }
  return file_system_->SyncDirectory(directory);
}

}  // namespace caravan::ps
