// The hot rows of one table in memory: fixed-size slots that never move, an index over them, and a
// clock hand that finds what has not been used (second chance, Corbato 1968).
#ifndef CARAVAN_STORAGE_HOT_TABLE_H_
#define CARAVAN_STORAGE_HOT_TABLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "storage/hot_index.h"
#include "storage/page_region.h"

namespace caravan::storage {

// A row in its slot; its floats (weights, then optimizer slots) lie right behind it.
struct HotRow {
  uint64_t key;
  uint64_t version;     // LSN of the last update; 0: none yet
  uint32_t steps;       // the optimizer's step count
  uint32_t last_batch;  // RowStore's number of the batch that holds it in place
  bool used;
  bool dirty;       // newer than the cold store
  bool referenced;  // since the clock's hand last came by
  uint8_t reserved;
  uint32_t image;  // the last that it was saved to

  float* floats() { return reinterpret_cast<float*>(this + 1); }
  const float* floats() const { return reinterpret_cast<const float*>(this + 1); }
};
static_assert(sizeof(HotRow) == 32);

// Owned and called by one lane thread. A row's address is good until it is erased.
class HotTable {
 public:
  // Address space for `bytes_max` of rows is reserved; none is used yet.
  static absl::StatusOr<HotTable> Create(uint32_t row_floats, uint64_t bytes_max);

  uint64_t row_bytes() const { return row_bytes_; }
  uint32_t row_floats() const { return row_floats_; }
  uint64_t rows() const { return rows_; }
  uint64_t free_slots() const { return slots_ - rows_; }
  uint64_t resident_bytes() const {
    return region_.committed_bytes() + index_.resident_bytes() + free_.capacity() * 4;
  }

  // rows[i]: the row of keys[i], or null. Two passes hide the memory's latency.
  void Find(std::span<const uint64_t> keys, std::span<HotRow*> rows) const;

  // Adds memory for `slots` more rows; with what index and free list need for them it is about
  // GrowthBytes(slots).
  absl::Status Grow(uint64_t slots);
  uint64_t GrowthBytes(uint64_t slots) const;

  // A new row of `key`, which must not be there, in a free slot, of which there must be one. All
  // but its key is zero or stale: the caller fills it.
  absl::StatusOr<HotRow*> Insert(uint64_t key);
  void Erase(HotRow* row);

  // The row under the hand, which moves on; null where the slot is empty.
  HotRow* AdvanceHand();
  uint64_t slots() const { return slots_; }

  // Slots ever given out, and the row in one of them; null where it is empty.
  uint64_t used_slots() const { return used_slots_; }
  // Asks memory for a slot, which need not be there.
  void Prefetch(uint64_t slot) const;
  HotRow* RowIn(uint64_t slot) const {
    HotRow* row = RowAt(slot);
    return row->used ? row : nullptr;
  }

 private:
  HotTable(uint32_t row_floats, PageRegion region, HotIndex index);

  static uint32_t TagOf(uint64_t key) { return static_cast<uint32_t>(MixBits(key) >> 32); }
  HotRow* RowAt(uint64_t slot) const {
    return reinterpret_cast<HotRow*>(region_.data() + slot * row_bytes_);
  }

  uint32_t row_floats_;
  uint64_t row_bytes_;
  PageRegion region_;
  HotIndex index_;
  uint64_t slots_ = 0;       // that have memory
  uint64_t used_slots_ = 0;  // ever given out
  uint64_t rows_ = 0;
  uint64_t hand_ = 0;
  std::vector<uint32_t> free_;
};

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_HOT_TABLE_H_
