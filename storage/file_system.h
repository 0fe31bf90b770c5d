// The disk as a lane sees it: few operations, each a Status that names its path, so that a
// simulator can put a disk of its own below a lane that tears, fills and loses what was not synced.
//
// Two kinds of loss are told apart. The process is killed: what was appended, written, renamed or
// linked stays. The machine loses power: only what was synced stays, file by Sync, names by
// SyncDirectory.
#ifndef CARAVAN_STORAGE_FILE_SYSTEM_H_
#define CARAVAN_STORAGE_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"

namespace caravan::storage {

using Bytes = std::span<const std::byte>;

// A file of a fixed size, filled from its start; its room on the disk was reserved when it was
// made, so that a full disk is an error then and never while it is filled. Used by one thread at a
// time.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  // Brings the file's room into memory, so that filling it costs no more than copying. While
  // nothing is appended yet or since Rewind; without it all is the same, only slower.
  virtual void Prepare() {}
  // Appends `parts`, one behind the other, and zeroes the 8 bytes behind them (as far as the file
  // goes). A process that is killed meanwhile leaves the first 8 of the appended bytes zero, or has
  // appended everything: whoever reads the file sees by them what was begun and not finished. The
  // first part has at least 8 bytes, the sum is a multiple of 8. RESOURCE_EXHAUSTED where the file
  // has no room: nothing has changed then.
  virtual absl::Status Append(std::span<const Bytes> parts) = 0;
  // What was appended survives a loss of power from here on.
  virtual absl::Status Sync() = 0;
  // Gives back the room behind what was appended and ends the file there. Append is over.
  virtual absl::Status Seal() = 0;
  // Starts again from the file's start, its content being needed by nobody: the first 8 bytes are
  // zero from here on, what lies behind is what it was. Not after Seal.
  virtual void Rewind() = 0;
  virtual uint64_t size() const = 0;      // appended
  virtual uint64_t capacity() const = 0;  // reserved
};

// Held until it is destroyed or its process ends, however it ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Thread-safe. Paths are absolute; folders are separated by '/'.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // A file of `capacity` bytes, all zero, to be filled. RESOURCE_EXHAUSTED where the disk is full;
  // nothing is left then. ALREADY_EXISTS where there is a file.
  virtual absl::StatusOr<std::unique_ptr<AppendFile>> CreateAppendFile(const std::string& path,
                                                                       uint64_t capacity) = 0;

  virtual absl::StatusOr<std::string> ReadFile(const std::string& path) = 0;
  // The same into `content`, whose memory may be used again.
  virtual absl::Status ReadFileInto(const std::string& path, std::string& content) {
    absl::StatusOr<std::string> read = ReadFile(path);
    if (!read.ok()) return read.status();
    content = *std::move(read);
    return absl::OkStatus();
  }
  // The old content or the new one, whatever happens; synced.
  virtual absl::Status WriteFileAtomically(const std::string& path, std::string_view content) = 0;
  virtual absl::StatusOr<FileDigest> DigestFile(const std::string& path) = 0;
  // The file's content survives a loss of power from here on.
  virtual absl::Status SyncFile(const std::string& path) = 0;

  // Names of what is in the folder, ascending.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  virtual bool Exists(const std::string& path) = 0;
  virtual bool IsDirectory(const std::string& path) = 0;
  // Over what is at `to`.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status HardLink(const std::string& from, const std::string& to) = 0;
  // OK where there is no such file.
  virtual absl::Status Remove(const std::string& path) = 0;
  // rm -r; OK where there is nothing.
  virtual absl::Status RemoveTree(const std::string& directory) = 0;
  // mkdir -p.
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  // Names made, renamed or removed in the folder survive a loss of power from here on.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;

  // Creates the file where there is none. FAILED_PRECONDITION where another process, or another
  // lock of this one, holds it.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;

  // Differs from an earlier answer where the machine has lost meanwhile what was not synced.
  virtual absl::StatusOr<std::string> BootId() = 0;
};

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_FILE_SYSTEM_H_
