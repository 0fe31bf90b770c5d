// The machine's file system with a disk that is full when a test says so.
#ifndef CARAVAN_TESTS_STORAGE_FULL_DISK_H_
#define CARAVAN_TESTS_STORAGE_FULL_DISK_H_

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/posix_file_system.h"

namespace caravan::storage {

class FullDisk final : public FileSystem {
 public:
  // Files may be made whose path holds none of these.
  std::vector<std::string> full_for;
  // By SyncFile.
  std::vector<std::string> synced;

  absl::StatusOr<std::unique_ptr<AppendFile>> CreateAppendFile(const std::string& path,
                                                               uint64_t capacity) override {
    if (absl::Status status = Room(path); !status.ok()) return status;
    return disk_->CreateAppendFile(path, capacity);
  }
  absl::StatusOr<std::string> ReadFile(const std::string& path) override {
    return disk_->ReadFile(path);
  }
  absl::Status WriteFileAtomically(const std::string& path, std::string_view content) override {
    if (absl::Status status = Room(path); !status.ok()) return status;
    return disk_->WriteFileAtomically(path, content);
  }
  absl::StatusOr<FileDigest> DigestFile(const std::string& path) override {
    return disk_->DigestFile(path);
  }
  absl::Status SyncFile(const std::string& path) override {
    synced.push_back(path);
    return disk_->SyncFile(path);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return disk_->List(directory);
  }
  bool Exists(const std::string& path) override { return disk_->Exists(path); }
  bool IsDirectory(const std::string& path) override { return disk_->IsDirectory(path); }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return disk_->Rename(from, to);
  }
  absl::Status HardLink(const std::string& from, const std::string& to) override {
    if (absl::Status status = Room(to); !status.ok()) return status;
    return disk_->HardLink(from, to);
  }
  absl::Status Remove(const std::string& path) override { return disk_->Remove(path); }
  absl::Status RemoveTree(const std::string& directory) override {
    return disk_->RemoveTree(directory);
  }
  absl::Status CreateDirectories(const std::string& path) override {
    return disk_->CreateDirectories(path);
  }
  absl::Status SyncDirectory(const std::string& path) override {
    return disk_->SyncDirectory(path);
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    return disk_->Lock(path);
  }
  absl::StatusOr<std::string> BootId() override { return disk_->BootId(); }

 private:
  absl::Status Room(const std::string& path) const {
    for (const std::string& part : full_for) {
      if (path.find(part) == std::string::npos) continue;
      return absl::ResourceExhaustedError(fmt::format("cannot create {}: no space left", path));
    }
    return absl::OkStatus();
  }

  const std::unique_ptr<FileSystem> disk_ = MakePosixFileSystem();
};

}  // namespace caravan::storage

#endif  // CARAVAN_TESTS_STORAGE_FULL_DISK_H_
