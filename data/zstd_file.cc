#include "data/zstd_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace caravan::data {
namespace {

constexpr int kLevel = 3;

absl::Status WriteError(const std::string& path) {
  return absl::ErrnoToStatus(errno, fmt::format("{}: cannot be written", path));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ZstdFile>> ZstdFile::Create(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return WriteError(path);
  return std::unique_ptr<ZstdFile>(new ZstdFile(path, file));
}

ZstdFile::ZstdFile(std::string path, std::FILE* file)
    : path_(std::move(path)),
      file_(file),
      stream_(ZSTD_createCCtx(), &ZSTD_freeCCtx),
      output_(ZSTD_CStreamOutSize()) {
  ZSTD_CCtx_setParameter(stream_.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(stream_.get(), ZSTD_c_checksumFlag, 1);
}

ZstdFile::~ZstdFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(path_.c_str());
}

absl::Status ZstdFile::Compress(std::string_view piece, ZSTD_EndDirective directive) {
  ZSTD_inBuffer input = {piece.data(), piece.size(), 0};
  while (true) {
    ZSTD_outBuffer output = {output_.data(), output_.size(), 0};
    const size_t left = ZSTD_compressStream2(stream_.get(), &output, &input, directive);
    if (ZSTD_isError(left)) {
      return absl::InternalError(
          fmt::format("{}: cannot be compressed: {}", path_, ZSTD_getErrorName(left)));
    }
    if (std::fwrite(output_.data(), 1, output.pos, file_) != output.pos) return WriteError(path_);
    const bool done = directive == ZSTD_e_end ? left == 0 : input.pos == input.size;
    if (done) return absl::OkStatus();
  }
}

absl::Status ZstdFile::Finish() {
  if (const absl::Status status = Compress("", ZSTD_e_end); !status.ok()) return status;
  if (std::fclose(std::exchange(file_, nullptr)) == 0) return absl::OkStatus();
  const absl::Status status = WriteError(path_);
  std::remove(path_.c_str());
  return status;
}

}  // namespace caravan::data
