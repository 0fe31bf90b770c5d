#include "storage/posix_file_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <immintrin.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <glog/logging.h>

#include "base/file_descriptor.h"
#include "base/status_macros.h"

namespace caravan::storage {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kPrepareBytes = 1 << 20;
constexpr uint64_t kWordBytes = 8;  // of an append, that are stored last

absl::Status PathError(int error, std::string_view what, const std::string& path) {
  const std::string text = fmt::format("cannot {} {}", what, path);
  // A quota that is used up is a full disk, too.
  if (error == EDQUOT) return absl::ResourceExhaustedError(text + ": the disk quota is used up");
  return absl::ErrnoToStatus(error, text);
}

absl::Status PathError(const std::error_code& error, std::string_view what,
                       const std::string& path) {
  return error ? PathError(error.value(), what, path) : absl::OkStatus();
}

// Copies past the caches: nobody reads a log soon, and what is applied next should stay in them.
void CopyPastCaches(std::byte* to, Bytes from) {
  constexpr size_t kVector = 16;
  const size_t head = std::min(-reinterpret_cast<uintptr_t>(to) % kVector, from.size());
  std::memcpy(to, from.data(), head);
  to += head;
  from = from.subspan(head);
  for (; from.size() >= kVector; to += kVector, from = from.subspan(kVector)) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from.data()));
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), bytes);
  }
  _mm_sfence();
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

class MappedFile final : public AppendFile {
 public:
  MappedFile(std::string path, FileDescriptor file, std::byte* data, uint64_t capacity)
      : path_(std::move(path)), file_(std::move(file)), data_(data), capacity_(capacity) {}
  ~MappedFile() override { munmap(data_, capacity_); }

  void Prepare() override {
    // In steps, as each holds up who wants to change the process's mappings.
    for (uint64_t begin = 0; begin < capacity_; begin += kPrepareBytes) {
      const uint64_t bytes = std::min(kPrepareBytes, capacity_ - begin);
      // Without it the pages come one by one.
      if (madvise(data_ + begin, bytes, MADV_POPULATE_WRITE) != 0) return;
    }
    was_filled_ = true;
  }

  absl::Status Append(std::span<const Bytes> parts) override {
    uint64_t bytes = 0;
    for (const Bytes part : parts) bytes += part.size();
    CHECK(!parts.empty() && parts[0].size() >= 8 && bytes % 8 == 0) << path_;
    if (bytes > capacity_ - size_) {
      return absl::ResourceExhaustedError(
          fmt::format("{} has room for {} bytes, not for {}", path_, capacity_ - size_, bytes));
    }
    // A page that is not in memory is cheaper to write than to fault in.
    if (!was_filled_) {
      CARAVAN_RETURN_IF_ERROR(Write(parts));
    } else {
      Copy(parts, bytes);
    }
    size_ += bytes;
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    const uint64_t begin = synced_ / kPageBytes * kPageBytes;
    const uint64_t end = std::min(size_ + 8, capacity_);
    if (msync(data_ + begin, end - begin, MS_SYNC) != 0) return PathError(errno, "sync", path_);
    synced_ = size_;
    return absl::OkStatus();
  }

  absl::Status Seal() override {
    if (ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
      return PathError(errno, "truncate", path_);
    }
    is_sealed_ = true;
    return absl::OkStatus();
  }

  void Rewind() override {
    CHECK(!is_sealed_) << path_;
    std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t*>(data_))
        .store(0, std::memory_order_release);
    was_filled_ = was_filled_ || size_ + kPageBytes > capacity_ / 2;
    size_ = 0;
    synced_ = 0;
  }

  uint64_t size() const override { return size_; }
  uint64_t capacity() const override { return is_sealed_ ? size_ : capacity_; }

 private:
  void Copy(std::span<const Bytes> parts, uint64_t bytes) {
    const uint64_t end = size_ + bytes;
    if (end + kWordBytes <= capacity_) std::memset(data_ + end, 0, kWordBytes);
    std::byte* out = data_ + size_ + kWordBytes;
    for (size_t i = 0; i < parts.size(); ++i) {
      const Bytes part = i == 0 ? parts[0].subspan(kWordBytes) : parts[i];
      if (!part.empty()) CopyPastCaches(out, part);
      out += part.size();
    }
    uint64_t word = 0;
    std::memcpy(&word, parts[0].data(), sizeof(word));
    std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t*>(data_ + size_))
        .store(word, std::memory_order_release);
  }

  // The same into a file that is still zero behind size_.
  absl::Status Write(std::span<const Bytes> parts) {
    uint64_t offset = size_ + kWordBytes;
    for (size_t i = 0; i < parts.size(); ++i) {
      const Bytes part = i == 0 ? parts[0].subspan(kWordBytes) : parts[i];
      CARAVAN_RETURN_IF_ERROR(WriteAt(part, offset));
      offset += part.size();
    }
    return WriteAt(parts[0].first(kWordBytes), size_);
  }

  absl::Status WriteAt(Bytes bytes, uint64_t offset) {
    while (!bytes.empty()) {
      const ssize_t written =
          pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return PathError(errno, "write", path_);
      bytes = bytes.subspan(static_cast<size_t>(written));
      offset += static_cast<uint64_t>(written);
    }
    return absl::OkStatus();
  }

  const std::string path_;  // when it was made
  FileDescriptor file_;
  std::byte* data_;
  const uint64_t capacity_;
  uint64_t size_ = 0;
  uint64_t synced_ = 0;
  bool was_filled_ = false;  // its pages are in memory
  bool is_sealed_ = false;
};

// Closes `descriptor`, of `path`.
class HeldLock final : public FileLock {
 public:
  explicit HeldLock(FileDescriptor file) : file_(std::move(file)) {}

 private:
  FileDescriptor file_;  // flock ends with it
};

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<AppendFile>> CreateAppendFile(const std::string& path,
                                                               uint64_t capacity) override {
    FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (file.get() < 0) return PathError(errno, "create", path);
    // Room that is reserved here is what keeps a full disk from being a SIGBUS later.
    const int error = posix_fallocate(file.get(), 0, static_cast<off_t>(capacity));
    if (error != 0) {
      unlink(path.c_str());
      return PathError(error, fmt::format("reserve {} bytes for", capacity), path);
    }
    void* data = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) {
      const int failure = errno;
      unlink(path.c_str());
      return PathError(failure, "map", path);
    }
    return std::make_unique<MappedFile>(path, std::move(file), static_cast<std::byte*>(data),
                                        capacity);
  }

  absl::StatusOr<std::string> ReadFile(const std::string& path) override {
    return caravan::ReadFile(path);
  }
  absl::Status ReadFileInto(const std::string& path, std::string& content) override {
    return caravan::ReadFileInto(path, content);
  }
  absl::Status WriteFileAtomically(const std::string& path, std::string_view content) override {
    return caravan::WriteFileAtomically(path, content);
  }
  absl::StatusOr<FileDigest> DigestFile(const std::string& path) override {
    return caravan::DigestFile(path);
  }

  absl::Status SyncFile(const std::string& path) override {
    const FileDescriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (file.get() < 0) return PathError(errno, "open", path);
    if (fsync(file.get()) != 0) return PathError(errno, "sync", path);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entries(directory, error);
    for (const fs::directory_iterator end; !error && entries != end; entries.increment(error)) {
      names.push_back(entries->path().filename().string());
    }
    if (error) return PathError(error, "list", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  bool Exists(const std::string& path) override {
    std::error_code error;
    return fs::exists(path, error);
  }
  bool IsDirectory(const std::string& path) override {
    std::error_code error;
    return fs::is_directory(path, error);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    std::error_code error;
    fs::rename(from, to, error);
    return PathError(error, fmt::format("rename to {}", to), from);
  }
  absl::Status HardLink(const std::string& from, const std::string& to) override {
    std::error_code error;
    fs::create_hard_link(from, to, error);
    return PathError(error, fmt::format("link to {}", to), from);
  }
  absl::Status Remove(const std::string& path) override {
    std::error_code error;
    fs::remove(path, error);
    return PathError(error, "remove", path);
  }
  absl::Status RemoveTree(const std::string& directory) override {
    std::error_code error;
    fs::remove_all(directory, error);
    return PathError(error, "remove", directory);
  }
  absl::Status CreateDirectories(const std::string& path) override {
    return caravan::CreateDirectories(path);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    return caravan::SyncDirectory(path);
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (file.get() < 0) return PathError(errno, "open", path);
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return absl::FailedPreconditionError(
            fmt::format("{} is locked: another process uses its folder", path));
      }
      return PathError(errno, "lock", path);
    }
    return std::make_unique<HeldLock>(std::move(file));
  }

  absl::StatusOr<std::string> BootId() override {
    return caravan::ReadFile("/proc/sys/kernel/random/boot_id");
  }
};

}  // namespace

std::unique_ptr<FileSystem> MakePosixFileSystem() { return std::make_unique<PosixFileSystem>(); }

}  // namespace caravan::storage
