#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/file_descriptor.h"
#include "base/status_macros.h"

namespace caravan {
namespace {

absl::Status FileError(std::string_view what, const std::string& path) {
  const int error = errno;
  return absl::ErrnoToStatus(error, fmt::format("cannot {} {}", what, path));
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(fd) != 0) return FileError("fsync", path);
  return absl::OkStatus();
}

// Calls `use(span of bytes)` for each piece of the file.
template <typename Use>
absl::Status ForEachPiece(const std::string& path, Use use) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError("open", path);
  std::vector<char> buffer(1 << 18);
  while (true) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", path);
    if (got == 0) return absl::OkStatus();
    use(std::string_view(buffer.data(), static_cast<size_t>(got)));
  }
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::string content;
  CARAVAN_RETURN_IF_ERROR(ReadFileInto(path, content));
  return content;
}

absl::Status ReadFileInto(const std::string& path, std::string& content) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (file.get() < 0 || fstat(file.get(), &status) != 0) return FileError("open", path);
  // One more than there are, so that the end is seen; of files in /proc the size is not known.
  constexpr size_t kBytesMin = 4096;
  const size_t expected = std::max(static_cast<size_t>(status.st_size) + 1, kBytesMin);
  if (content.size() < expected) content.resize(expected);
  size_t filled = 0;
  while (true) {
    if (filled == content.size()) content.resize(2 * content.size());
    const ssize_t got = read(file.get(), content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", path);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  content.resize(filled);
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  {
    const FileDescriptor file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return FileError("create", temporary);
    if (absl::Status status = WriteAll(file.get(), content, temporary); !status.ok()) {
      unlink(temporary.c_str());
      return status;
    }
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return FileError("rename to", path);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return SyncDirectory(folder.empty() ? "." : folder);
}

absl::Status SyncDirectory(const std::string& path) {
  const FileDescriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return FileError("open", path);
  if (fsync(directory.get()) != 0) return FileError("fsync", path);
  return absl::OkStatus();
}

absl::Status CreateDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), fmt::format("cannot create folder {}", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<FileDigest> DigestFile(const std::string& path) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_64bits_reset(state.get());
  FileDigest digest;
  CARAVAN_RETURN_IF_ERROR(ForEachPiece(path, [&](std::string_view piece) {
    XXH3_64bits_update(state.get(), piece.data(), piece.size());
    digest.bytes += piece.size();
  }));
  digest.checksum = XXH3_64bits_digest(state.get());
  return digest;
}

}  // namespace caravan
