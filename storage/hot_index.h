// From a key's hash to the place of its row: open addressing in segments of 512 entries below a
// directory that doubles (extendible hashing, Fagin et al., TODS 1979). A full segment is split
// alone, so that growth costs a few microseconds at a time however large the table is.
#ifndef CARAVAN_STORAGE_HOT_INDEX_H_
#define CARAVAN_STORAGE_HOT_INDEX_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/page_region.h"

namespace caravan::storage {

// Owned and called by one lane thread.
class HotIndex {
 public:
  static constexpr uint32_t kNoSlot = 0xffffffffU;
  // Memory that an index of `slots` entries may take.
  static uint64_t BytesMax(uint64_t slots);

  static absl::StatusOr<HotIndex> Create(uint64_t slots_max);

  // Brings the entry's cache line in; two passes over a batch hide the memory's latency.
  void Prefetch(uint32_t tag) const {
    __builtin_prefetch(&SegmentOf(tag)->entries[tag & (kEntries - 1)]);
  }

  // The first slot with this tag for which `matches(slot)`; kNoSlot where there is none.
  template <typename Matches>
  uint32_t Find(uint32_t tag, Matches matches) const {
    const Segment& segment = *SegmentOf(tag);
    for (uint32_t i = tag & (kEntries - 1);; i = (i + 1) & (kEntries - 1)) {
      const Entry& entry = segment.entries[i];
      if (entry.slot_plus_one == 0) return kNoSlot;
      if (entry.tag == tag && matches(entry.slot_plus_one - 1)) return entry.slot_plus_one - 1;
    }
  }

  // The pair must not be there. RESOURCE_EXHAUSTED when too many keys have nearly the same hash.
  absl::Status Insert(uint32_t tag, uint32_t slot);
  // The pair must be there.
  void Erase(uint32_t tag, uint32_t slot);

  uint64_t resident_bytes() const {
    return region_.committed_bytes() + directory_.capacity() * sizeof(Segment*);
  }

 private:
  static constexpr uint32_t kEntries = 512;
  struct Entry {
    uint32_t tag;
    uint32_t slot_plus_one;  // 0: empty
  };
  struct alignas(64) Segment {
    Entry entries[kEntries];
    uint32_t used;
    uint32_t depth;  // leading bits that all its tags share
  };

  explicit HotIndex(PageRegion region) : region_(std::move(region)) {}
  Segment* SegmentOf(uint32_t tag) const {
    return directory_[static_cast<uint64_t>(tag) >> (32 - depth_)];
  }
  absl::StatusOr<Segment*> NewSegment(uint32_t depth);
  absl::Status Split(Segment* segment, uint32_t tag);
  static void Place(Segment* segment, Entry entry);

  PageRegion region_;
  uint64_t segments_ = 0;
  uint32_t depth_ = 0;
  std::vector<Segment*> directory_;  // 2^depth_
};

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_HOT_INDEX_H_
