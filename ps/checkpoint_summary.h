// What a checkpoint holds, in numbers: for people who look at one, and for checks that every shard
// has applied the same.
#ifndef CARAVAN_PS_CHECKPOINT_SUMMARY_H_
#define CARAVAN_PS_CHECKPOINT_SUMMARY_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "conf/manifest.pb.h"

namespace caravan::ps {

// Of a count that each shard keeps. Both are the same where no push was under way.
struct ShardRange {
  uint64_t lowest = 0;
  uint64_t highest = 0;
};

struct CheckpointSummary {
  conf::Manifest manifest;
  uint64_t bytes = 0;  // of all files
  uint64_t rows = 0;
  std::map<uint32_t, uint64_t> table_rows;  // by TableId
  uint64_t dense_chunks = 0;
  // Batches applied in `epoch`, the latest that a shard has begun: the sum of a shard's marks.
  uint32_t epoch = 0;
  ShardRange batches;
  std::map<uint32_t, ShardRange> samples;  // applied, by epoch: the ledger
  // Of every record but for its LSN, in whatever order: two checkpoints of one state have the same,
  // however many lanes wrote them.
  uint64_t digest = 0;
};

// Reads all of it, after its files' sizes and checksums were found right; needs neither job nor
// model. NOT_FOUND where `directory` has no MANIFEST, DATA_LOSS names what is damaged.
absl::StatusOr<CheckpointSummary> SummariseCheckpoint(const std::string& directory);
// As above, of lanes whose manifest is not written yet.
absl::StatusOr<CheckpointSummary> SummariseLanes(const std::string& directory,
                                                 conf::Manifest manifest);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_CHECKPOINT_SUMMARY_H_
