#include "storage/image.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/hash.h"
#include "base/status_macros.h"
#include "storage/record_file.h"

namespace caravan::storage {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr uint64_t kPageBytes = 4096;

uint64_t PartFileId(uint64_t identity, const ImagePart& part) {
  return CombineHash(~identity, (uint64_t{part.image} << 32) | part.number);
}

std::string PartPath(const std::string& directory, const ImagePart& part) {
  return fmt::format("{}/{}", directory, ImagePartName(part));
}

// The records of one file.
class PartReader {
 public:
  using Visit = absl::FunctionRef<absl::Status(std::span<const ImageEntry> entries)>;
  PartReader(std::string path, Visit visit) : path_(std::move(path)), visit_(visit) {}

  absl::Status Read(const ImagePart& part, uint64_t identity, std::string_view content) {
    if (content.size() != part.bytes) {
      return Loss(fmt::format("has {} bytes instead of {}", content.size(), part.bytes));
    }
    CARAVAN_ASSIGN_OR_RETURN(const FileScan scan,
                             ScanRecords(content, PartFileId(identity, part),
                                         [this](const FileRecord& record) { return Add(record); }));
    if (scan.good_bytes == content.size()) return absl::OkStatus();
    return Loss(fmt::format("is damaged at byte {}", scan.good_bytes));
  }

 private:
  absl::Status Loss(const std::string& text) const {
    return absl::DataLossError(fmt::format("{} {}", path_, text));
  }

  // [key bytes u32][value bytes u32][key][value], again and again, then zeros.
  absl::Status Add(const FileRecord& record) {
    if (record.kind != kRowsKind) return Loss(fmt::format("has a record of kind {}", record.kind));
    std::string_view rest(reinterpret_cast<const char*>(record.payload.data()),
                          record.payload.size());
    entries_.clear();
    while (rest.size() >= 8) {
      uint32_t sizes[2];
      std::memcpy(sizes, rest.data(), sizeof(sizes));
      rest.remove_prefix(sizeof(sizes));
      if (sizes[0] == 0 && sizes[1] == 0) break;
      if (uint64_t{sizes[0]} + sizes[1] > rest.size())
        return Loss("has an entry beyond its record");
      entries_.emplace_back(rest.substr(0, sizes[0]), rest.substr(sizes[0], sizes[1]));
      rest.remove_prefix(sizes[0] + size_t{sizes[1]});
    }
    return visit_(entries_);
  }

  std::string path_;
  Visit visit_;
  std::vector<ImageEntry> entries_;  // of one record
};

}  // namespace

std::string ImagePartName(const ImagePart& part) {
  return fmt::format("image-{:06}-{:03}", part.image, part.number);
}

ImageWriter::ImageWriter(Options options) : options_(std::move(options)), job_(options_.side) {
  if (options_.buffers != nullptr) std::swap(free_, options_.buffers->free_);
}

ImageWriter::~ImageWriter() {
  if (job_.is_started()) TakeBack(job_.AwaitResult());
  if (options_.buffers == nullptr) return;
  buffer_.used = 0;
  free_.push_back(std::move(buffer_));
  if (free_.size() > kFullSlowed) free_.resize(kFullSlowed);
  std::swap(free_, options_.buffers->free_);
}

std::span<char> ImageWriter::Add(std::string_view key, size_t value_bytes) {
  const uint32_t sizes[2] = {static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value_bytes)};
  const size_t needed = sizeof(sizes) + key.size() + value_bytes;
  if (buffer_.used + needed > buffer_.bytes.size()) {
    Flush();
    if (buffer_.bytes.size() < needed) buffer_.bytes.resize(std::max(needed, kBufferBytes));
  }
  char* at = buffer_.bytes.data() + buffer_.used;
  std::memcpy(at, sizes, sizeof(sizes));
  std::memcpy(at + sizeof(sizes), key.data(), key.size());
  buffer_.used += needed;
  bytes_ += needed;
  return {at + sizeof(sizes) + key.size(), value_bytes};
}

void ImageWriter::Put(const RecordBatch& batch) {
  batch.ForEach([this](std::string_view key, std::string_view value) {
    std::ranges::copy(value, Add(key, value.size()).begin());
  });
}

// Makes buffer_ an empty one.
void ImageWriter::Flush() {
  if (buffer_.used > 0) full_.push_back(std::exchange(buffer_, {}));
  KeepWriting();
  while (status_.ok() && full_.size() > kFullMax) {
    TakeBack(job_.AwaitResult());
    KeepWriting();
  }
  if (buffer_.bytes.empty() && !free_.empty()) {
    buffer_ = std::move(free_.back());
    free_.pop_back();
  }
}

void ImageWriter::TakeBack(const absl::Status& written) {
  if (status_.ok()) status_ = written;
  for (Buffer& buffer : writing_) {
    buffer.used = 0;
    free_.push_back(std::move(buffer));
  }
  writing_.clear();
}

// What is full becomes the job's once it has done with what it had.
void ImageWriter::KeepWriting() {
  if (const std::optional<absl::Status> written = job_.TakeResult()) TakeBack(*written);
  if (!status_.ok()) full_.clear();
  if (job_.is_started() || full_.empty()) return;
  std::swap(writing_, full_);
  job_.Start([this] { return WriteBuffers(); });
  if (const std::optional<absl::Status> written = job_.TakeResult()) TakeBack(*written);
}

bool ImageWriter::IsWritten() {
  Flush();
  return !job_.is_started() && full_.empty();
}

void ImageWriter::AwaitWritten() {
  while (!IsWritten()) TakeBack(job_.AwaitResult());
}

absl::Status ImageWriter::WriteBuffers() {
  for (const Buffer& buffer : writing_) CARAVAN_RETURN_IF_ERROR(AppendBuffer(buffer));
  return absl::OkStatus();
}

absl::Status ImageWriter::AppendBuffer(const Buffer& buffer) {
  const uint64_t bytes = RecordBytes(buffer.used);
  if (files_.empty() || files_.back()->capacity() - files_.back()->size() < bytes) {
    const ImagePart part{.image = options_.image, .number = static_cast<uint32_t>(parts_.size())};
    const uint64_t capacity =
        (std::max(options_.part_bytes, bytes) + kPageBytes - 1) / kPageBytes * kPageBytes;
    // What an attempt that its process did not survive has left.
    const std::string path = PartPath(options_.directory, part);
    CARAVAN_RETURN_IF_ERROR(options_.file_system->Remove(path));
    CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file,
                             options_.file_system->CreateAppendFile(path, capacity));
    files_.push_back(std::move(file));
    parts_.push_back(part);
  }
  const Bytes part = std::as_bytes(std::span(buffer.bytes).first(buffer.used));
  return AppendRecord(*files_.back(), PartFileId(options_.identity, parts_.back()), kRowsKind,
                      options_.lsn, std::span(&part, 1));
}

absl::Status ImageWriter::Finish(bool is_synced) {
  AwaitWritten();
  CARAVAN_RETURN_IF_ERROR(status_);
  for (size_t i = 0; i < files_.size(); ++i) {
    CARAVAN_RETURN_IF_ERROR(files_[i]->Seal());
    if (is_synced) CARAVAN_RETURN_IF_ERROR(files_[i]->Sync());
    parts_[i].bytes = files_[i]->size();
  }
  files_.clear();
  if (!is_synced) return absl::OkStatus();
  return options_.file_system->SyncDirectory(options_.directory);
}

void ImageWriter::Discard() {
  if (job_.is_started()) TakeBack(job_.AwaitResult());
  files_.clear();
  for (const ImagePart& part : parts_) {
    const absl::Status removed = options_.file_system->Remove(PartPath(options_.directory, part));
    // It costs room until an image of that number is written again.
    if (!removed.ok()) LOG(WARNING) << std::string(removed.message());
  }
}

absl::Status ReadImages(FileSystem& file_system, const std::string& directory, uint64_t identity,
                        std::span<const ImagePart> parts, ImageVisitor visit) {
  std::string bytes;
  for (size_t i = parts.size(); i-- > 0;) {
    const ImagePart& part = parts[i];
    const std::string path = PartPath(directory, part);
    CARAVAN_RETURN_IF_ERROR(file_system.ReadFileInto(path, bytes));
    const auto visit_entries = [&](std::span<const ImageEntry> entries) {
      return visit(part.image, entries);
    };
    CARAVAN_RETURN_IF_ERROR(PartReader(path, visit_entries).Read(part, identity, bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageContent> ImageContent::Load(FileSystem& file_system,
                                                const std::string& directory, uint64_t identity,
                                                std::span<const ImagePart> parts) {
  ImageContent content;
  // A later file's records are put over those of the files before.
  const auto put = [&](std::span<const ImageEntry> entries) {
    for (const auto& [key, value] : entries) content.values_[key] = value;
    return absl::OkStatus();
  };
  for (const ImagePart& part : parts) {
    const std::string path = PartPath(directory, part);
    CARAVAN_ASSIGN_OR_RETURN(std::string bytes, file_system.ReadFile(path));
    content.files_.push_back(std::make_unique<std::string>(std::move(bytes)));
    CARAVAN_RETURN_IF_ERROR(PartReader(path, put).Read(part, identity, *content.files_.back()));
  }
  content.records_.assign(content.values_.begin(), content.values_.end());
  std::sort(content.records_.begin(), content.records_.end());
  return content;
}

std::string_view ImageContent::Find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::string_view() : found->second;
}

}  // namespace caravan::storage
