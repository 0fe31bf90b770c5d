#include "storage/hot_index.h"

#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"

namespace caravan::storage {
namespace {

constexpr uint32_t kDepthMax = 20;
constexpr uint32_t kSplitAbove = 384;  // entries in use, of 512
constexpr uint32_t kUsedMax = 480;     // where depth is spent; one must stay empty to end a probe

uint64_t SegmentsMax(uint64_t slots) { return slots / 128 + 64; }

}  // namespace

uint64_t HotIndex::BytesMax(uint64_t slots) { return SegmentsMax(slots) * sizeof(Segment); }

absl::StatusOr<HotIndex> HotIndex::Create(uint64_t slots_max) {
  CARAVAN_ASSIGN_OR_RETURN(PageRegion region, PageRegion::Reserve(BytesMax(slots_max)));
  HotIndex index(std::move(region));
  CARAVAN_ASSIGN_OR_RETURN(Segment * first, index.NewSegment(0));
  index.directory_.push_back(first);
  return index;
}

absl::StatusOr<HotIndex::Segment*> HotIndex::NewSegment(uint32_t depth) {
  CARAVAN_RETURN_IF_ERROR(region_.Commit((segments_ + 1) * sizeof(Segment)));
  auto* segment = reinterpret_cast<Segment*>(region_.data()) + segments_;
  ++segments_;
  segment->depth = depth;
  return segment;
}

void HotIndex::Place(Segment* segment, Entry entry) {
  uint32_t i = entry.tag & (kEntries - 1);
  while (segment->entries[i].slot_plus_one != 0) i = (i + 1) & (kEntries - 1);
  segment->entries[i] = entry;
  ++segment->used;
}

absl::Status HotIndex::Insert(uint32_t tag, uint32_t slot) {
  Segment* segment = SegmentOf(tag);
  while (segment->used > kSplitAbove && segment->depth < kDepthMax) {
    CARAVAN_RETURN_IF_ERROR(Split(segment, tag));
    segment = SegmentOf(tag);
  }
  if (segment->used >= kUsedMax) {
    return absl::ResourceExhaustedError(fmt::format(
        "more than {} keys of a table share their hash's first {} bits", kUsedMax, kDepthMax));
  }
  Place(segment, {.tag = tag, .slot_plus_one = slot + 1});
  return absl::OkStatus();
}

absl::Status HotIndex::Split(Segment* segment, uint32_t tag) {
  const uint32_t old_depth = segment->depth;
  CARAVAN_ASSIGN_OR_RETURN(Segment * upper, NewSegment(old_depth + 1));
  if (old_depth == depth_) {
    std::vector<Segment*> doubled(directory_.size() * 2);
    for (size_t i = 0; i < doubled.size(); ++i) doubled[i] = directory_[i / 2];
    directory_ = std::move(doubled);
    ++depth_;
  }
  const uint64_t span = uint64_t{1} << (depth_ - old_depth);  // directory entries of `segment`
  const uint64_t first = (static_cast<uint64_t>(tag) >> (32 - old_depth)) * span;
  for (uint64_t i = first + span / 2; i < first + span; ++i) directory_[i] = upper;

  const Segment before = *segment;
  *segment = Segment{};
  segment->depth = old_depth + 1;
  const uint32_t bit = 1U << (31 - old_depth);
  for (const Entry& entry : before.entries) {
    if (entry.slot_plus_one != 0) Place((entry.tag & bit) != 0 ? upper : segment, entry);
  }
  return absl::OkStatus();
}

// Closes the gap by moving later entries of the probe back (Knuth, TAOCP 3, 6.4, algorithm R), so
// that no tombstones pile up.
void HotIndex::Erase(uint32_t tag, uint32_t slot) {
  Segment* segment = SegmentOf(tag);
  uint32_t gap = tag & (kEntries - 1);
  while (segment->entries[gap].slot_plus_one != slot + 1) {
    CHECK_NE(segment->entries[gap].slot_plus_one, 0U) << "erases a row that is not indexed";
    gap = (gap + 1) & (kEntries - 1);
  }
  for (uint32_t i = (gap + 1) & (kEntries - 1); segment->entries[i].slot_plus_one != 0;
       i = (i + 1) & (kEntries - 1)) {
    const uint32_t home = segment->entries[i].tag & (kEntries - 1);
    const uint32_t distance_home = (i - home) & (kEntries - 1);
    const uint32_t distance_gap = (i - gap) & (kEntries - 1);
    if (distance_home < distance_gap) continue;
    segment->entries[gap] = segment->entries[i];
    gap = i;
  }
  segment->entries[gap] = {};
  --segment->used;
}

}  // namespace caravan::storage
