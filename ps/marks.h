// Which batches a lane's shards have applied (marks), and how many samples (the ledger). They are
// what makes a repeated push harmless and a lost one visible.
#ifndef CARAVAN_PS_MARKS_H_
#define CARAVAN_PS_MARKS_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/ids.h"
#include "storage/record_store.h"

namespace caravan::ps {

struct Batch {
  uint32_t epoch = 0;
  uint32_t block = 0;
  uint32_t batch = 0;
  uint32_t samples = 0;
};

// Owned and called by one lane thread.
class Marks {
 public:
  enum class Verdict { kApply, kAlreadyApplied, kOutOfOrder };
  struct Decision {
    Verdict verdict;
    uint32_t expected = 0;  // kOutOfOrder: the batch that is wanted
    // kApply: by the lane's shards, whether it is to apply the batch. Empty: all of them. They
    // differ only where shards of several lanes came together in a restore.
    std::vector<bool> needed;
  };

  // `shards`: the lane's own, ascending. `epoch_samples`: of a whole epoch; 0: not known.
  explicit Marks(std::vector<ShardId> shards, uint64_t epoch_samples = 0);

  // What is to be done with a push of `batch`. Changes nothing. A batch of a later epoch is out of
  // order while a shard lacks a part of this one, as it does when the lane has lost state: the
  // ledger knows, where an epoch's samples are known.
  Decision Decide(const Batch& batch) const;
  // Counts `batch` on the shards of `decision`, which is kApply. A later epoch ends the current
  // one.
  void Apply(const Batch& batch, const Decision& decision);

  // The lowest over the lane's shards; `whole_block` for an epoch that is over.
  uint32_t Lowest(uint32_t epoch, uint32_t block, uint32_t whole_block) const;
  // Blocks of the epoch in progress that every shard of the lane has begun, ascending, and the
  // lowest mark of each.
  std::vector<std::pair<uint32_t, uint32_t>> Begun() const;
  // Samples applied in `epoch`, by the lane's shards.
  std::vector<uint64_t> Samples(uint32_t epoch) const;

  std::span<const ShardId> shards() const { return shards_; }
  uint32_t epoch() const { return epoch_; }

  void Save(storage::RecordBatch& records) const;
  // Records as Save wrote them, of shards of this lane. DATA_LOSS where they are malformed.
  absl::Status LoadMarks(ShardId shard, std::string_view value);
  absl::Status LoadLedger(ShardId shard, uint32_t epoch, std::string_view value);

 private:
  struct BlockMarks {
    uint32_t common = 0;
    std::vector<uint32_t> own;  // by the lane's shards; empty: all are `common`
  };
  size_t LocalIndex(ShardId shard) const;
  bool MayBegin(uint32_t epoch) const;
  uint32_t MarkOf(const BlockMarks& marks, size_t local) const {
    return marks.own.empty() ? marks.common : marks.own[local];
  }

  std::vector<ShardId> shards_;
  uint64_t epoch_samples_;
  uint32_t epoch_ = 0;
  absl::flat_hash_map<uint32_t, BlockMarks> blocks_;  // of the epoch in progress
  std::map<uint32_t, std::vector<uint64_t>> ledger_;  // by epoch, then by the lane's shards
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_MARKS_H_
