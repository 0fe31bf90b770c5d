#include "launch/export/embedding_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "base/status_macros.h"

namespace caravan::launch {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian and mapped");

constexpr std::array<char, 8> kMagic = {'C', 'A', 'R', 'V', 'R', 'O', 'W', 'S'};
constexpr uint64_t kAlignment = 64;

// As it lies in the file.
struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t table;
  uint32_t width;
  uint32_t reserved;
  uint64_t keys;
  uint64_t keys_offset;
  uint64_t rows_offset;
  uint64_t checksum;         // XXH3 of all bytes from keys_offset to the end
  uint64_t header_checksum;  // XXH3 of the bytes before it
};
static_assert(sizeof(Header) == 64);
static_assert(std::has_unique_object_representations_v<Header>);

uint64_t HeaderChecksum(const Header& header) {
  return HashBytes(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, header_checksum)));
}

uint64_t RowsOffset(uint64_t keys) {
  const uint64_t end = sizeof(Header) + keys * sizeof(uint64_t);
  return (end + kAlignment - 1) / kAlignment * kAlignment;
}

absl::Status SystemError(const char* what, const std::string& path) {
  return absl::ErrnoToStatus(errno, fmt::format("cannot {} {}", what, path));
}

absl::Status Damaged(const std::string& path, const std::string& what) {
  return absl::DataLossError(fmt::format("{}: {}", path, what));
}

class FileWriter final : public EmbeddingFileWriter {
 public:
  FileWriter(std::string path, int fd, const Header& header)
      : path_(std::move(path)), fd_(fd), header_(header) {
    XXH3_64bits_reset(hash_.get());
  }
  ~FileWriter() override {
    if (fd_ >= 0) close(fd_);
    if (!finished_) unlink(Temporary(path_).c_str());
  }

  static std::string Temporary(const std::string& path) {
    return fmt::format("{}.{}.tmp", path, getpid());
  }

  absl::Status WriteKeys(std::span<const uint64_t> keys) {
    CARAVAN_RETURN_IF_ERROR(Write(std::as_bytes(std::span(&header_, 1)), /*hashed=*/false));
    CARAVAN_RETURN_IF_ERROR(Write(std::as_bytes(keys), /*hashed=*/true));
    const std::array<std::byte, kAlignment> zeros{};
    const uint64_t padding =
        header_.rows_offset - header_.keys_offset - keys.size() * sizeof(uint64_t);
    return Write(std::span(zeros).first(padding), /*hashed=*/true);
  }

  absl::Status Append(std::span<const float> rows) override {
    if (rows.size() % header_.width != 0) {
      return absl::InvalidArgumentError(fmt::format("{}: {} floats are no whole rows of width {}",
                                                    path_, rows.size(), header_.width));
    }
    const uint64_t count = rows.size() / header_.width;
    if (count > header_.keys - rows_written_) {
      return absl::OutOfRangeError(fmt::format("{}: {} rows more than the {} keys have room for",
                                               path_, count, header_.keys));
    }
    CARAVAN_RETURN_IF_ERROR(Write(std::as_bytes(rows), /*hashed=*/true));
    rows_written_ += count;
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (rows_written_ != header_.keys) {
      return absl::FailedPreconditionError(
          fmt::format("{}: {} of {} rows were written", path_, rows_written_, header_.keys));
    }
    header_.checksum = XXH3_64bits_digest(hash_.get());
    header_.header_checksum = HeaderChecksum(header_);
    if (pwrite(fd_, &header_, sizeof(header_), 0) != sizeof(header_)) {
      return SystemError("write the header of", path_);
    }
    if (fsync(fd_) != 0) return SystemError("fsync", path_);
    if (rename(Temporary(path_).c_str(), path_.c_str()) != 0) {
      return SystemError("rename to", path_);
    }
    finished_ = true;
    return absl::OkStatus();
  }

 private:
  absl::Status Write(std::span<const std::byte> bytes, bool hashed) {
    if (hashed) XXH3_64bits_update(hash_.get(), bytes.data(), bytes.size());
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return SystemError("write", path_);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  const std::string path_;
  const int fd_;
  Header header_;
  uint64_t rows_written_ = 0;
  bool finished_ = false;
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash_{XXH3_createState(),
                                                                 &XXH3_freeState};
};

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddingFileWriter>> EmbeddingFileWriter::Create(
    const std::string& path, TableId table, uint32_t width, std::span<const uint64_t> keys) {
  if (width == 0) return absl::InvalidArgumentError(fmt::format("{}: rows of width 0", path));
  const auto repeated =
      std::adjacent_find(keys.begin(), keys.end(), [](uint64_t a, uint64_t b) { return a >= b; });
  if (repeated != keys.end()) {
    return absl::InvalidArgumentError(fmt::format("{}: keys must ascend, but {} is followed by {}",
                                                  path, *repeated, *std::next(repeated)));
  }
  const Header header{.magic = kMagic,
                      .version = kEmbeddingFileVersion,
                      .table = Index(table),
                      .width = width,
                      .reserved = 0,
                      .keys = keys.size(),
                      .keys_offset = sizeof(Header),
                      .rows_offset = RowsOffset(keys.size()),
                      .checksum = 0,
                      .header_checksum = 0};
  const std::string temporary = FileWriter::Temporary(path);
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError("create", temporary);
  auto writer = std::make_unique<FileWriter>(path, fd, header);
  CARAVAN_RETURN_IF_ERROR(writer->WriteKeys(keys));
  return writer;
}

absl::StatusOr<std::unique_ptr<EmbeddingFile>> EmbeddingFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError("open", path);
  struct stat status {};
  if (fstat(fd, &status) != 0) {
    const absl::Status error = SystemError("stat", path);
    close(fd);
    return error;
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size < sizeof(Header)) {
    close(fd);
    return Damaged(path, fmt::format("{} bytes are too few for an embedding file's header", size));
  }
  void* const address = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  const int map_error = errno;
  close(fd);
  if (address == MAP_FAILED) {
    return absl::ErrnoToStatus(map_error, fmt::format("cannot map {}", path));
  }
  std::unique_ptr<EmbeddingFile> file(
      new EmbeddingFile(path, {static_cast<const std::byte*>(address), size}));
  CARAVAN_RETURN_IF_ERROR(file->ReadHeader());
  return file;
}

EmbeddingFile::~EmbeddingFile() {
  // munmap asks for a pointer to what may be written; the mapping itself never is.
  munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

absl::Status EmbeddingFile::ReadHeader() {
  Header header;
  std::memcpy(&header, bytes_.data(), sizeof(header));
  if (header.magic != kMagic) return Damaged(path_, "is not an embedding file");
  if (header.version != kEmbeddingFileVersion) {
    return Damaged(path_, fmt::format("version {}; this program reads version {}", header.version,
                                      kEmbeddingFileVersion));
  }
  if (header.header_checksum != HeaderChecksum(header)) {
    return Damaged(path_, "the header's checksum does not fit");
  }
  // Every number is bounded by the file's own size before it enters a product.
  const uint64_t size = bytes_.size();
  if (header.width == 0 || header.keys > size / sizeof(uint64_t) ||
      header.keys_offset != sizeof(Header) || header.rows_offset != RowsOffset(header.keys) ||
      header.rows_offset > size ||
      (size - header.rows_offset) % (sizeof(float) * header.width) != 0 ||
      (size - header.rows_offset) / (sizeof(float) * header.width) != header.keys) {
    return Damaged(path_, fmt::format("{} bytes do not fit {} keys with rows of width {}", size,
                                      header.keys, header.width));
  }
  table_ = static_cast<TableId>(header.table);
  width_ = header.width;
  checksum_ = header.checksum;
  // The mapping starts at a page and both offsets are multiples of 8: aligned for u64 and f32.
  keys_ = {reinterpret_cast<const uint64_t*>(bytes_.data() + header.keys_offset), header.keys};
  rows_ = {reinterpret_cast<const float*>(bytes_.data() + header.rows_offset),
           header.keys * header.width};
  return absl::OkStatus();
}

absl::Status EmbeddingFile::Verify() const {
  if (HashBytes(bytes_.subspan(sizeof(Header))) != checksum_) {
    return Damaged(path_, "the checksum of keys and rows does not fit");
  }
  if (std::adjacent_find(keys_.begin(), keys_.end(), std::greater_equal<>()) != keys_.end()) {
    return Damaged(path_, "keys do not ascend");
  }
  return absl::OkStatus();
}

std::span<const float> EmbeddingFile::Find(uint64_t key) const {
  const auto found = std::lower_bound(keys_.begin(), keys_.end(), key);
  if (found == keys_.end() || *found != key) return {};
  return rows_.subspan(static_cast<size_t>(found - keys_.begin()) * width_, width_);
}

}  // namespace caravan::launch
