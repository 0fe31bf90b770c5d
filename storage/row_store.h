// A lane's rows: hot ones in memory, cold ones in a store of records. A row reaches the store when
// it is evicted, never sooner; hot rows never wait for it. Images hold what the store does not: the
// rows that changed since the image before, as they were at one LSN.
#ifndef CARAVAN_STORAGE_ROW_STORE_H_
#define CARAVAN_STORAGE_ROW_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "storage/hot_table.h"
#include "storage/image.h"
#include "storage/record_store.h"

namespace caravan::storage {

struct RowTable {
  uint32_t weight_floats = 0;
  uint32_t slot_floats = 0;  // the optimizer's, behind the weights
};

// A row's record: [version u64][steps u32][floats], little-endian.
struct RowRecord {
  uint64_t version = 0;  // LSN of its last update
  uint32_t steps = 0;
  std::span<const std::byte> floats;  // not aligned
};
// DATA_LOSS where the size is not that of `floats` floats.
absl::StatusOr<RowRecord> ParseRow(std::string_view value, uint64_t floats);
// The weights of a row, or the last slot of each: its average, where the optimizer keeps them.
enum class RowPart : uint8_t { kWeights, kAverages };
// A part of a row of `weights` weights whose slots are not known.
absl::StatusOr<RowRecord> ParseRowPart(std::string_view value, uint64_t weights, RowPart part);
// `value`: of FormattedBytes.
void FormatRow(uint64_t version, uint32_t steps, std::span<const std::byte> floats,
               std::span<char> value);
constexpr size_t FormattedBytes(size_t float_bytes) {
  return sizeof(uint64_t) + sizeof(uint32_t) + float_bytes;
}

// Owned and called by one lane thread.
class RowStore {
 public:
  struct Options {
    uint64_t hot_bytes_max = 0;
    uint32_t shards = 0;
    std::vector<RowTable> tables;  // by TableId
    // Called before rows whose last update is `lsn` or earlier reach the cold store; null: nobody
    // asks.
    std::function<absl::Status(uint64_t lsn)> before_write = nullptr;
  };
  // Fills the floats of a new row: weights and slots, or (in Read) the weights alone.
  using Initial = absl::FunctionRef<void(uint64_t key, std::span<float> floats)>;

  // `records`: where rows lie that are not hot.
  static absl::StatusOr<std::unique_ptr<RowStore>> Create(Options options,
                                                          std::unique_ptr<RecordStore> records);

  // `part` of the rows of `keys` (ascending), one after another. A key without a row answers
  // `initial` and gets none. RESOURCE_EXHAUSTED never: where there is no room, cold rows stay cold.
  absl::Status Read(TableId table, std::span<const uint64_t> keys, Initial initial, RowPart part,
                    std::span<float> floats);

  // From here on the rows of the last batch may be evicted.
  void BeginBatch() {
    ++batch_;
    made_.clear();
  }
  // Brings the rows of `keys` (ascending) into memory, making those that are missing; they stay
  // until BeginBatch. After a change the caller sets `dirty`. RESOURCE_EXHAUSTED where a batch's
  // rows are more than the budget holds.
  absl::Status Acquire(TableId table, std::span<const uint64_t> keys, Initial initial,
                       std::span<HotRow*> rows);

  // Rows that Acquire has made since BeginBatch, by shard.
  std::vector<std::pair<ShardId, uint32_t>> MadeRows() const;
  // Takes back the rows that Acquire has made since BeginBatch; none of them was changed.
  void ForgetMadeRows();

  // A row from a checkpoint, as it lay there; not in the store yet. `record` is its key. Reaches
  // the cold store at the latest at FinishRestore.
  absl::Status RestoreRow(ShardId shard, TableId table, std::string_view record,
                          std::string_view value);
  absl::Status FinishRestore();
  // Rows as an image has them: keys, which may come again, and their records. Images come newest
  // first, so that a row that is hot already is left as it is. `is_last`: they are of the last
  // image: whatever the cold store has of them is older, or is made again by the log. Of an earlier
  // one those are left out that the cold store has later: they went there before the last image.
  absl::Status RestoreHotRows(TableId table,
                              std::span<const std::pair<uint64_t, std::string_view>> rows,
                              bool is_last);
  // From here on rows are counted by CountRows alone, until `is_counting` again: for a recovery,
  // which can't see whether a row was there already.
  void SetCounting(bool is_counting) { is_counting_ = is_counting; }
  void CountRows(ShardId shard, uint64_t made);

  // ---- images ----
  // Begins one of the rows as they are, those left out that have not changed since LSN `after` (the
  // images before hold them) or lie in the cold store as they are. Each goes to `image` before it
  // changes or leaves, at the latest in SweepImage. `lsn`: of the last update.
  void BeginImage(uint32_t number, uint64_t after, uint64_t lsn, ImageWriter* image);
  // Looks at rows until about `bytes_max` were saved or passed over; true: it has seen all.
  bool SweepImage(uint64_t bytes_max);
  // How much of the rows it has seen, 0 to 1; an image is under way.
  double SweptShare() const;
  // To be called for rows that are about to change.
  void KeepForImage(TableId table, std::span<HotRow* const> rows);
  void EndImage() { image_ = {}; }
  // Of the rows that a whole image would hold, about.
  uint64_t image_bytes_max() const;

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
  bool HasColdRows() const { return !is_counting_ || rows_ > hot_rows(); }
  uint64_t GrowthSlots(const HotTable& table) const;
  void KeepRow(TableId table, HotRow& row);
  absl::Status WriteCold(RecordBatch& batch, uint64_t lsn);
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
  bool is_counting_ = true;
  std::vector<std::pair<TableId, HotRow*>> made_;  // since BeginBatch
  struct {
    ImageWriter* writer = nullptr;  // null: none is under way
    uint32_t number = 0;
    uint64_t after = 0;
    uint64_t lsn = 0;
    size_t table = 0;  // the sweep's place
    uint64_t slot = 0;
  } image_;
  RecordBatch restored_;
  // Kept between calls for their memory.
  std::vector<HotRow*> found_;
  std::vector<size_t> missing_;
  std::vector<uint64_t> missing_keys_;
  std::string value_;
};

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_ROW_STORE_H_
