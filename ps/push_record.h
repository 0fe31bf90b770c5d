// A push as it lies in the log: all that is needed to apply it again, bit for bit. See
// docs/formats/push_log.md.
#ifndef CARAVAN_PS_PUSH_RECORD_H_
#define CARAVAN_PS_PUSH_RECORD_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "ps/key_lists.h"
#include "ps/marks.h"
#include "storage/file_system.h"

namespace caravan::ps {

struct PushRecord {
  Batch batch;
  float rate_scale = 1;
  // Rows that did not exist before it, by shard.
  std::vector<std::pair<ShardId, uint32_t>> made_rows;
  // Whether a shard of the lane applies it, in their order; empty: all do.
  std::vector<bool> needed;
  std::vector<KeyList::Span> spans;
  std::span<const uint64_t> keys;
  std::span<const float> rows;   // gradients
  std::span<const float> dense;  // gradients
};

// The parts of a record, which look at `record` and live as long.
class PushRecordParts {
 public:
  explicit PushRecordParts(const PushRecord& record);
  std::span<const storage::Bytes> parts() const { return parts_; }

 private:
  std::vector<uint32_t> words_;
  std::vector<storage::Bytes> parts_;
};

// What looks at the payload lives as long as it. DATA_LOSS where it is malformed.
absl::StatusOr<PushRecord> ParsePushRecord(storage::Bytes payload);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_PUSH_RECORD_H_
