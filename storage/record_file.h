// Files of checksummed records, filled front to back: what the push log and the images are made of.
// docs/formats/push_log.md has the bytes.
//
// A record: [bytes u32][kind u16][magic u16] [lsn u64] [file u64] [checksum u64], then `bytes` of
// payload, a multiple of 8. `checksum` is that of the header before it and of the payload: XXH3-64
// of blocks, each seeded with the block before. `file` tells the records of a file from those that
// an earlier use of its room has left behind.
#ifndef CARAVAN_STORAGE_RECORD_FILE_H_
#define CARAVAN_STORAGE_RECORD_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/file_system.h"

namespace caravan::storage {

// The first record of a file; its payload says what the file is.
inline constexpr uint16_t kFileHeaderKind = 1;
// Everything up to the record's LSN had been synced when it was written.
inline constexpr uint16_t kSyncedKind = 2;
inline constexpr uint16_t kPushKind = 3;
inline constexpr uint16_t kRowsKind = 4;  // of an image: records as in docs/formats/checkpoint.md

struct FileRecord {
  uint16_t kind = 0;
  uint64_t lsn = 0;
  Bytes payload;
};

inline constexpr uint64_t kRecordHeaderBytes = 32;
// Of a record with `payload_bytes`, padding included.
constexpr uint64_t RecordBytes(uint64_t payload_bytes) {
  return kRecordHeaderBytes + (payload_bytes + 7) / 8 * 8;
}

// Appends a record whose payload is `parts`, one behind the other, filled up with zeros to a
// multiple of 8.
absl::Status AppendRecord(AppendFile& file, uint64_t file_id, uint16_t kind, uint64_t lsn,
                          std::span<const Bytes> parts);

// What is wrong behind the last good record.
enum class FileEnd {
  kClean,    // nothing: the file ends, or nobody has begun another record
  kDamaged,  // bytes that are no record
};
struct FileScan {
  FileEnd end = FileEnd::kClean;
  uint64_t good_bytes = 0;
  uint64_t last_lsn = 0;  // of the good records
  // Of good records behind the damage. 0: there are none.
  uint64_t later_lsn = 0;
  uint64_t later_synced_lsn = 0;
};

// Calls visit for each good record from the start, in order; an error of it ends the call.
absl::StatusOr<FileScan> ScanRecords(std::string_view content, uint64_t file_id,
                                     absl::FunctionRef<absl::Status(const FileRecord&)> visit);

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_RECORD_FILE_H_
