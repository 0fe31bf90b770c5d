// Whole files, read and written so that a crash leaves the old file or the new one, never a half.
// Errors name the path and what the system said.
#ifndef CARAVAN_BASE_FILE_H_
#define CARAVAN_BASE_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan {

absl::StatusOr<std::string> ReadFile(const std::string& path);
// The same into `content`, whose memory is used again.
absl::Status ReadFileInto(const std::string& path, std::string& content);

// Writes beside `path`, fsyncs, renames over it, fsyncs the folder.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content);

// Names made, renamed or removed in the folder survive a loss of power from here on.
absl::Status SyncDirectory(const std::string& path);

// mkdir -p.
absl::Status CreateDirectories(const std::string& path);

struct FileDigest {
  uint64_t bytes = 0;
  uint64_t checksum = 0;  // XXH3 of the content
};
absl::StatusOr<FileDigest> DigestFile(const std::string& path);

}  // namespace caravan

#endif  // CARAVAN_BASE_FILE_H_
