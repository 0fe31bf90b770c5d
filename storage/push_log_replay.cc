#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "storage/push_log.h"
#include "storage/segment_header.h"

namespace caravan::storage {
namespace {

// The number in a segment's name; nothing where it is another file's.
std::optional<uint64_t> NumberOf(const std::string& name) {
  constexpr std::string_view kPrefix = "push-";
  uint64_t number = 0;
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
  return name == SegmentName(number) ? std::optional(number) : std::nullopt;
}

// Reads segment after segment.
class Replay {
 public:
  Replay(const PushLogOptions& options, uint64_t after_lsn, bool power_was_lost,
         absl::FunctionRef<absl::Status(const FileRecord&)> visit)
      : options_(options),
        after_lsn_(after_lsn),
        power_was_lost_(power_was_lost),
        visit_(visit),
        expected_(after_lsn + 1) {}

  absl::Status Read(uint64_t number, bool is_last) {
    path_ = fmt::format("{}/{}", options_.directory, SegmentName(number));
    header_.reset();
    CARAVAN_RETURN_IF_ERROR(options_.file_system->ReadFileInto(path_, bytes_));
    const std::string_view content = bytes_;
    CARAVAN_ASSIGN_OR_RETURN(
        const FileScan scan,
        ScanRecords(content, SegmentFileId(options_.identity, number),
                    [this](const FileRecord& record) { return Visit(record); }));
    if (header_.has_value() && header_->capacity != content.size()) {
      return Loss(fmt::format("has {} bytes instead of {}", content.size(), header_->capacity));
    }
    content_.next_number = number + 1;
    content_.segments.push_back({.number = number,
                                 .first_lsn = header_.has_value() ? header_->first_lsn : expected_,
                                 .bytes = content.size()});
    const bool is_whole = header_.has_value() || (scan.end == FileEnd::kClean && !content.empty());
    damage_.clear();
    if (scan.end == FileEnd::kDamaged || !is_whole) {
      damage_ = fmt::format("{} is damaged at byte {}", path_, scan.good_bytes);
    }
    if (damage_.empty() || !is_last) return absl::OkStatus();
    const bool is_left_behind = header_.has_value() && (header_->first_lsn >> kGenerationShift) <
                                                           (expected_ >> kGenerationShift);
    if (is_left_behind) return absl::OkStatus();
    // A killed process leaves whole records only; a loss of power tears what was not synced.
    if (power_was_lost_ && scan.later_synced_lsn < expected_) return absl::OkStatus();
    return absl::DataLossError(fmt::format("{}, LSN {} or later is lost", damage_, expected_));
  }

  LogContent Finish() && {
    content_.last_lsn = expected_ - 1;
    return std::move(content_);
  }

 private:
  absl::Status Loss(const std::string& text) const {
    return absl::DataLossError(fmt::format("{} {}", path_, text));
  }

  absl::Status Visit(const FileRecord& record) {
    if (record.kind == kFileHeaderKind) return ReadHeader(record);
    if (!header_.has_value()) return Loss("does not begin with its header");
    if (record.kind == kSyncedKind || record.lsn <= after_lsn_) return absl::OkStatus();
    if (record.kind != kPushKind) return Loss(fmt::format("has a record of kind {}", record.kind));
    if (record.lsn != expected_) {
      return Loss(fmt::format("goes on with LSN {} where LSN {} is wanted{}{}", record.lsn,
                              expected_, damage_.empty() ? "" : "; ", damage_));
    }
    if (absl::Status status = visit_(record); !status.ok()) {
      return absl::Status(status.code(), fmt::format("{}: LSN {}: {}", path_, record.lsn,
                                                     std::string(status.message())));
    }
    ++expected_;
    return absl::OkStatus();
  }

  absl::Status ReadHeader(const FileRecord& record) {
    if (record.payload.size() != sizeof(SegmentHeader) || header_.has_value()) {
      return Loss("has a header of another size, or two");
    }
    header_.emplace();
    std::memcpy(&*header_, record.payload.data(), sizeof(SegmentHeader));
    if (header_->format == kPushLogFormat) return absl::OkStatus();
    return absl::FailedPreconditionError(
        fmt::format("{} is of push log format {}, this program reads format {}", path_,
                    header_->format, kPushLogFormat));
  }

  const PushLogOptions& options_;
  const uint64_t after_lsn_;
  const bool power_was_lost_;
  absl::FunctionRef<absl::Status(const FileRecord&)> visit_;
  uint64_t expected_;
  std::string path_;                     // of the segment being read
  std::string bytes_;                    // of it
  std::optional<SegmentHeader> header_;  // of it
  std::string damage_;                   // of the one before
  LogContent content_;
};

}  // namespace

absl::StatusOr<LogContent> ReplayPushLog(const PushLogOptions& options, uint64_t after_lsn,
                                         bool power_was_lost,
                                         absl::FunctionRef<absl::Status(const FileRecord&)> visit) {
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           options.file_system->List(options.directory));
  std::vector<uint64_t> numbers;  // the names sort as their numbers do
  for (const std::string& name : names) {
    if (const std::optional<uint64_t> number = NumberOf(name)) numbers.push_back(*number);
  }
  Replay replay(options, after_lsn, power_was_lost, visit);
  for (const uint64_t number : numbers) {
    CARAVAN_RETURN_IF_ERROR(replay.Read(number, number == numbers.back()));
    if (!options.is_synced || power_was_lost) continue;
    CARAVAN_RETURN_IF_ERROR(options.file_system->SyncFile(
        fmt::format("{}/{}", options.directory, SegmentName(number))));
  }
  return std::move(replay).Finish();
}

}  // namespace caravan::storage
