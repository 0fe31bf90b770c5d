// A lane's rows: hot ones in memory, all of them behind in RocksDB. A row that is evicted or
// checkpointed reaches RocksDB then, never sooner; hot rows never wait for it.
#ifndef CARAVAN_STORAGE_ROW_STORE_H_
#define CARAVAN_STORAGE_ROW_STORE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "storage/hot_table.h"
#include "storage/record_store.h"

namespace caravan::storage {

struct RowTable {
  uint32_t weight_floats = 0;
  uint32_t slot_floats = 0;  // the optimizer's, behind the weights
};

// A row as it lies in RocksDB: [version u64][steps u32][floats], little-endian.
struct RowRecord {
  uint64_t version = 0;
  uint32_t steps = 0;
  std::span<const std::byte> floats;  // not aligned
};
// DATA_LOSS where the size is not that of `floats` floats.
absl::StatusOr<RowRecord> ParseRow(std::string_view value, uint64_t floats);
// The weights of a row whose slots are not known: its first `floats` floats.
absl::StatusOr<RowRecord> ParseRowWeights(std::string_view value, uint64_t floats);
// Replaces `value` by the record.
void FormatRow(uint64_t version, uint32_t steps, std::span<const std::byte> floats,
               std::string& value);

// Owned and called by one lane thread.
class RowStore {
 public:
  struct Options {
    uint64_t hot_bytes_max = 0;
    uint32_t shards = 0;
    std::vector<RowTable> tables;  // by TableId
  };
  // Fills the floats of a new row: weights and slots, or (in Read) the weights alone.
  using Initial = absl::FunctionRef<void(uint64_t key, std::span<float> floats)>;

  // `records`: where rows lie that are not hot.
  static absl::StatusOr<std::unique_ptr<RowStore>> Create(Options options,
                                                          std::unique_ptr<RecordStore> records);

  // Weights of `keys` (ascending), one after another. A key without a row answers `initial` and
  // gets none. RESOURCE_EXHAUSTED never: where there is no room, cold rows stay cold.
  absl::Status Read(TableId table, std::span<const uint64_t> keys, Initial initial,
                    std::span<float> weights);

  // From here on the rows of the last batch may be evicted.
  void BeginBatch() { ++batch_; }
  // Brings the rows of `keys` (ascending) into memory, making those that are missing; they stay
  // until BeginBatch. After a change the caller sets `dirty`. RESOURCE_EXHAUSTED where a batch's
  // rows are more than the budget holds.
  absl::Status Acquire(TableId table, std::span<const uint64_t> keys, Initial initial,
                       std::span<HotRow*> rows);

  // Every dirty row to RocksDB.
  absl::Status Flush();
  // A row from a checkpoint, as it lay there; not in the store yet. `record` is its key in RocksDB.
  // Reaches RocksDB at the latest at FinishRestore.
  absl::Status RestoreRow(ShardId shard, TableId table, std::string_view record,
                          std::string_view value);
  absl::Status FinishRestore();

  uint64_t rows() const { return rows_; }
  uint64_t rows(ShardId shard) const { return shard_rows_[Index(shard)]; }
  uint64_t hot_rows() const;
  uint64_t evictions() const { return evictions_; }
  uint64_t resident_bytes() const;
  RecordStore& records() { return *records_; }

 private:
  RowStore(Options options, std::unique_ptr<RecordStore> records);
  uint32_t Floats(TableId table) const;
  uint32_t ShardOf(TableId table, uint64_t key) const;
  bool HasColdRows() const { return rows_ > hot_rows(); }
  uint64_t GrowthSlots(const HotTable& table) const;
  absl::Status MakeRoom(TableId table, uint64_t slots);
  absl::StatusOr<uint64_t> Evict(TableId table, uint64_t wanted);
  absl::Status ReadCold(TableId table, std::span<const uint64_t> keys,
                        absl::FunctionRef<absl::Status(size_t, const RowRecord&)> found);
  void PutRow(TableId table, const HotRow& row, RecordBatch& batch);

  Options options_;
  std::unique_ptr<RecordStore> records_;
  std::vector<HotTable> hot_;  // by TableId
  uint64_t hot_bytes_ = 0;     // granted to the tables out of hot_bytes_max
  uint64_t growth_bytes_ = 0;  // a table grows by about so much at a time
  uint64_t rows_ = 0;          // hot or cold
  std::vector<uint64_t> shard_rows_;
  uint64_t evictions_ = 0;
  uint32_t batch_ = 1;
  RecordBatch restored_;
  // Kept between calls for their memory.
  std::vector<HotRow*> found_;
  std::vector<size_t> missing_;
  std::vector<uint64_t> missing_keys_;
  std::string value_;
};

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_ROW_STORE_H_
