// A lane's push log: what it was told to change, in order, before it changed it. Records of any
// content, numbered without gaps by their LSN (log sequence number), in segments that are reserved
// on disk before they are filled and used again once nobody needs what they hold.
#ifndef CARAVAN_STORAGE_PUSH_LOG_H_
#define CARAVAN_STORAGE_PUSH_LOG_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/side_thread.h"
#include "storage/file_system.h"
#include "storage/record_file.h"

namespace caravan::storage {

// LSNs count within a generation. A lane that goes on from less than it had begins another, so that
// no LSN ever stands for two contents.
inline constexpr int kGenerationShift = 40;
constexpr uint64_t NextGeneration(uint64_t lsn) {
  return ((lsn >> kGenerationShift) + 1) << kGenerationShift;
}

struct PushLogOptions {
  FileSystem* file_system = nullptr;
  std::string directory;  // exists
  uint64_t identity = 0;  // of whose log it is
  uint64_t segment_bytes = 0;
  bool is_synced = false;  // Sync is called before what was appended counts
  // Prepares the next segment while one is filled; outlives the log. Null: each is made when it is
  // needed.
  SideThread* side = nullptr;
};

struct LogSegment {
  uint64_t number = 0;
  uint64_t first_lsn = 0;  // of its first record, once it has one
  uint64_t bytes = 0;      // reserved
};

// What ReplayPushLog found.
struct LogContent {
  std::vector<LogSegment> segments;  // ascending
  uint64_t last_lsn = 0;             // what is asked for ends here
  uint64_t next_number = 1;
};

// Owned and called by one lane thread.
class PushLog {
 public:
  // Goes on behind `content`, in a segment of its own.
  PushLog(const PushLogOptions& options, const LogContent& content);

  // Appends a record; its LSN follows the last one's. On an error nothing was appended:
  // RESOURCE_EXHAUSTED where the disk is full, and a later call may succeed.
  absl::Status Append(uint64_t lsn, std::span<const Bytes> parts);
  // What was appended survives a loss of power from here on. After an error nobody knows what the
  // disk has: the log takes nothing more.
  absl::Status Sync();
  const absl::Status& failure() const { return failure_; }
  // The last LSN that Sync saw.
  uint64_t synced_lsn() const { return synced_lsn_; }
  // Records up to `lsn` are needed no more: drops the segments that hold no others.
  void DropThrough(uint64_t lsn);

  uint64_t bytes() const;  // of all segments, as reserved

 private:
  struct Segment {
    LogSegment content;
    std::unique_ptr<AppendFile> file;  // null: of an earlier process
  };
  // Nothing that counts is in it.
  struct Spare {
    std::string path;  // a segment's from before, or one that no replay looks at
    std::unique_ptr<AppendFile> file;
  };
  std::string PathOf(uint64_t number) const;
  absl::Status BeginSegment(uint64_t first_lsn, uint64_t bytes);
  absl::StatusOr<std::unique_ptr<AppendFile>> TakeFile(uint64_t number, uint64_t bytes);
  void PollSpare();
  void PrepareNext();
  absl::Status MakeSpare();

  const PushLogOptions options_;
  std::deque<Segment> segments_;  // ascending; the last is being filled once it has a file
  std::vector<Spare> free_;       // to be filled again
  uint64_t next_number_;
  uint64_t last_lsn_;
  uint64_t synced_lsn_;
  absl::Status failure_;
  Spare spare_;                   // to be filled next; the job's while it is under way
  uint64_t spare_tried_for_ = 0;  // the number of the segment that it is to be
  SideJob spare_job_;
};

// Calls visit for the records behind `after_lsn`, in order. After a killed process every record
// that was appended must be good; where power was lost, what was not synced may be torn and is left
// out. DATA_LOSS names the file and what it lacks.
//
// With options.is_synced a killed process may have left records that only the system has. They are
// synced before this returns: what is appended behind them counts on them.
absl::StatusOr<LogContent> ReplayPushLog(const PushLogOptions& options, uint64_t after_lsn,
                                         bool power_was_lost,
                                         absl::FunctionRef<absl::Status(const FileRecord&)> visit);

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_PUSH_LOG_H_
