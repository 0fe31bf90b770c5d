#include "data/byte_source.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/status_macros.h"

namespace caravan::data {
namespace {

constexpr size_t kInputBytes = size_t{1} << 16;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class PlainSource final : public ByteSource {
 public:
  PlainSource(std::string path, std::unique_ptr<std::FILE, CloseFile> file, uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    const size_t got = std::fread(buffer.data(), 1, buffer.size(), file_.get());
    if (got == 0 && std::ferror(file_.get()) != 0) {
      return absl::ErrnoToStatus(errno, fmt::format("cannot read {}", path_));
    }
    consumed_ += got;
    return got;
  }

  double Fraction() const override {
    return size_ == 0 ? 1.0 : static_cast<double>(consumed_) / static_cast<double>(size_);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  uint64_t size_;
  uint64_t consumed_ = 0;
};

// What the two decompressors share: a buffer of compressed bytes, refilled from the file.
class CompressedSource : public ByteSource {
 public:
  explicit CompressedSource(std::unique_ptr<PlainSource> file)
      : file_(std::move(file)), buffer_(kInputBytes, '\0') {}
  double Fraction() const override { return file_->Fraction(); }

 protected:
  // Refills when nothing is left; false at the end of the file.
  absl::StatusOr<bool> Refill() {
    if (!input_.empty()) return true;
    CARAVAN_ASSIGN_OR_RETURN(const size_t got, file_->Read(buffer_));
    input_ = std::string_view(buffer_).substr(0, got);
    return got > 0;
  }
  absl::Status Damaged(std::string_view what) const {
    return absl::DataLossError(fmt::format("{}: {}", file_->path(), what));
  }

  std::string_view input_;

 private:
  std::unique_ptr<PlainSource> file_;
  std::string buffer_;
};

class GzipSource final : public CompressedSource {
 public:
  explicit GzipSource(std::unique_ptr<PlainSource> file) : CompressedSource(std::move(file)) {}
  ~GzipSource() override {
    if (ready_) inflateEnd(&stream_);
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  absl::Status Start() {
    constexpr int kGzipWindow = 15 + 16;
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) {
      return absl::ResourceExhaustedError("no memory for a gzip stream");
    }
    ready_ = true;
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    size_t got = 0;
    while (got == 0) {
      CARAVAN_ASSIGN_OR_RETURN(const bool more, Refill());
      if (!more) {
        if (within_member_) return Damaged("the gzip stream is cut off");
        return 0;
      }
      // A gzip file may be several members, one behind the other (RFC 1952, 2.2).
      if (!within_member_ && started_) inflateReset(&stream_);
      within_member_ = started_ = true;
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input_.data()));
      stream_.avail_in = static_cast<uInt>(input_.size());
      stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream_.avail_out = static_cast<uInt>(buffer.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      input_.remove_prefix(input_.size() - stream_.avail_in);
      got = buffer.size() - stream_.avail_out;
      if (result == Z_STREAM_END) {
        within_member_ = false;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return Damaged("the gzip stream is damaged");
      }
    }
    return got;
  }

 private:
  z_stream stream_ = {};
  bool ready_ = false;
  bool started_ = false;
  bool within_member_ = false;
};

class ZstdSource final : public CompressedSource {
 public:
  explicit ZstdSource(std::unique_ptr<PlainSource> file)
      : CompressedSource(std::move(file)), stream_(ZSTD_createDStream(), &ZSTD_freeDStream) {}

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    ZSTD_outBuffer output = {buffer.data(), buffer.size(), 0};
    while (output.pos == 0) {
      CARAVAN_ASSIGN_OR_RETURN(const bool more, Refill());
      if (!more && !within_frame_) return 0;
      ZSTD_inBuffer input = {input_.data(), input_.size(), 0};
      const size_t result = ZSTD_decompressStream(stream_.get(), &output, &input);
      if (ZSTD_isError(result)) {
        return Damaged(fmt::format("the zstd stream is damaged: {}", ZSTD_getErrorName(result)));
      }
      input_.remove_prefix(input.pos);
      within_frame_ = result != 0;
      if (!more && within_frame_ && output.pos == 0) return Damaged("the zstd stream is cut off");
    }
    return output.pos;
  }

 private:
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
  bool within_frame_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> ByteSource::Open(const std::string& path) {
  std::unique_ptr<std::FILE, CloseFile> handle(std::fopen(path.c_str(), "rbe"));
  if (handle == nullptr) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", path));
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return absl::ErrnoToStatus(error.value(), fmt::format("cannot read {}", path));
  auto file = std::make_unique<PlainSource>(path, std::move(handle), size);
  const std::string_view name = path;
  if (name.ends_with(".zst")) return std::make_unique<ZstdSource>(std::move(file));
  if (!name.ends_with(".gz")) return file;
  auto gzip = std::make_unique<GzipSource>(std::move(file));
  CARAVAN_RETURN_IF_ERROR(gzip->Start());
  return gzip;
}

}  // namespace caravan::data
