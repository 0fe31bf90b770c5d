#include "storage/push_log.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"
#include "storage/segment_header.h"

namespace caravan::storage {
namespace {

constexpr size_t kFreeSegmentsMax = 8;
constexpr uint64_t kPrepareShare = 4;  // the next one is made when so much of a segment is full
constexpr uint64_t kSegmentHeaderBytes = RecordBytes(sizeof(SegmentHeader));

uint64_t WholePages(uint64_t bytes) {
  constexpr uint64_t kPageBytes = 4096;
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace

PushLog::PushLog(const PushLogOptions& options, const LogContent& content)
    : options_(options),
      next_number_(content.next_number),
      last_lsn_(content.last_lsn),
      synced_lsn_(content.last_lsn),
      spare_job_(options.side) {
  for (const LogSegment& segment : content.segments) {
    segments_.push_back({.content = segment, .file = nullptr});
  }
}

std::string PushLog::PathOf(uint64_t number) const {
  return fmt::format("{}/{}", options_.directory, SegmentName(number));
}

uint64_t PushLog::bytes() const {
  uint64_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.content.bytes;
  return bytes;
}

// A file of that number with room for `bytes` behind its header.
absl::StatusOr<std::unique_ptr<AppendFile>> PushLog::TakeFile(uint64_t number, uint64_t bytes) {
  const uint64_t needed = kSegmentHeaderBytes + bytes + kRecordHeaderBytes;
  PollSpare();
  Spare* from = nullptr;
  if (!spare_job_.is_started() && spare_.file != nullptr) {
    from = &spare_;
  } else if (!free_.empty()) {
    from = &free_.back();
  }
  if (from == nullptr || from->file->capacity() < needed) {
    return options_.file_system->CreateAppendFile(
        PathOf(number), WholePages(std::max(options_.segment_bytes, needed)));
  }
  CARAVAN_RETURN_IF_ERROR(options_.file_system->Rename(from->path, PathOf(number)));
  std::unique_ptr<AppendFile> file = std::move(from->file);
  if (from != &spare_) free_.pop_back();
  return file;
}

void PushLog::PollSpare() {
  const std::optional<absl::Status> made = spare_job_.TakeResult();
  // Where it stays away the next segment is made in time, or its error is the append's.
  if (made.has_value() && !made->ok()) {
    LOG(WARNING) << "no segment ahead: " << std::string(made->message());
  }
}

// Once a good part of a segment is full: the pages of the next are brought into memory beside.
void PushLog::PrepareNext() {
  PollSpare();
  const AppendFile& file = *segments_.back().file;
  const bool is_due = options_.side != nullptr && spare_tried_for_ != next_number_ &&
                      file.size() > file.capacity() / kPrepareShare;
  if (!is_due || spare_job_.is_started() || spare_.file != nullptr) return;
  spare_tried_for_ = next_number_;
  spare_ = {.path = options_.directory + "/spare.log", .file = nullptr};
  if (!free_.empty()) {
    spare_ = std::move(free_.back());
    free_.pop_back();
  }
  spare_job_.Start([this] { return MakeSpare(); });
}

absl::Status PushLog::MakeSpare() {
  if (spare_.file == nullptr) {
    // What an earlier process has left.
    CARAVAN_RETURN_IF_ERROR(options_.file_system->Remove(spare_.path));
    CARAVAN_ASSIGN_OR_RETURN(spare_.file, options_.file_system->CreateAppendFile(
                                              spare_.path, WholePages(options_.segment_bytes)));
  }
  spare_.file->Prepare();
  return absl::OkStatus();
}

absl::Status PushLog::BeginSegment(uint64_t first_lsn, uint64_t bytes) {
  // What the new segment's records stand on is synced before the first of them.
  if (options_.is_synced && last_lsn_ > synced_lsn_) CARAVAN_RETURN_IF_ERROR(Sync());
  const uint64_t number = next_number_;
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, TakeFile(number, bytes));
  ++next_number_;
  const SegmentHeader header{.is_synced = options_.is_synced ? 1U : 0U,
                             .identity = options_.identity,
                             .number = number,
                             .first_lsn = first_lsn,
                             .capacity = file->capacity()};
  const Bytes part = std::as_bytes(std::span(&header, 1));
  CARAVAN_RETURN_IF_ERROR(AppendRecord(*file, SegmentFileId(options_.identity, number),
                                       kFileHeaderKind, first_lsn - 1, std::span(&part, 1)));
  if (options_.is_synced) {
    CARAVAN_RETURN_IF_ERROR(file->Sync());
    CARAVAN_RETURN_IF_ERROR(options_.file_system->SyncDirectory(options_.directory));
  }
  const uint64_t capacity = file->capacity();
  segments_.push_back({.content = {.number = number, .first_lsn = first_lsn, .bytes = capacity},
                       .file = std::move(file)});
  return absl::OkStatus();
}

absl::Status PushLog::Append(uint64_t lsn, std::span<const Bytes> parts) {
  CHECK_EQ(lsn, last_lsn_ + 1);
  CARAVAN_RETURN_IF_ERROR(failure_);
  uint64_t payload = 0;
  for (const Bytes part : parts) payload += part.size();
  const uint64_t bytes = RecordBytes(payload);
  // Room is left for the note that the record was synced.
  const bool fits = !segments_.empty() && segments_.back().file != nullptr &&
                    segments_.back().file->capacity() - segments_.back().file->size() >=
                        bytes + kRecordHeaderBytes;
  if (!fits) CARAVAN_RETURN_IF_ERROR(BeginSegment(lsn, bytes));
  const Segment& segment = segments_.back();
  CARAVAN_RETURN_IF_ERROR(AppendRecord(*segment.file,
                                       SegmentFileId(options_.identity, segment.content.number),
                                       kPushKind, lsn, parts));
  last_lsn_ = lsn;
  PrepareNext();
  return absl::OkStatus();
}

absl::Status PushLog::Sync() {
  if (last_lsn_ == synced_lsn_) return absl::OkStatus();
  CARAVAN_RETURN_IF_ERROR(failure_);
  const Segment& segment = segments_.back();
  failure_ = segment.file->Sync();
  CARAVAN_RETURN_IF_ERROR(failure_);
  synced_lsn_ = last_lsn_;
  // Tells a record that was damaged later from one that was torn: lost itself, it harms nobody.
  if (segment.file->capacity() - segment.file->size() < kRecordHeaderBytes) return absl::OkStatus();
  return AppendRecord(*segment.file, SegmentFileId(options_.identity, segment.content.number),
                      kSyncedKind, synced_lsn_, {});
}

void PushLog::DropThrough(uint64_t lsn) {
  while (segments_.size() > 1 && segments_[1].content.first_lsn <= lsn + 1) {
    Segment segment = std::move(segments_.front());
    segments_.pop_front();
    if (segment.file != nullptr && free_.size() < kFreeSegmentsMax &&
        segment.content.bytes >= options_.segment_bytes) {
      segment.file->Rewind();
      free_.push_back({.path = PathOf(segment.content.number), .file = std::move(segment.file)});
      continue;
    }
    const absl::Status removed = options_.file_system->Remove(PathOf(segment.content.number));
    // It costs room; a replay passes over it.
    if (!removed.ok()) LOG(WARNING) << std::string(removed.message());
  }
}

}  // namespace caravan::storage
