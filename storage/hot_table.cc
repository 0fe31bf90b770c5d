#include "storage/hot_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"

namespace caravan::storage {
namespace {

constexpr size_t kGroup = 64;  // keys in flight: enough to hide DRAM, few enough for L1
constexpr uint64_t kCacheLine = 64;
constexpr uint64_t kPrefetchBytes = 256;
constexpr uint64_t kIndexBytes = 32;    // a slot's share of a half-full index and of the free list
constexpr uint64_t kFirstBytes = 8192;  // the first segment

}  // namespace

HotTable::HotTable(uint32_t row_floats, PageRegion region, HotIndex index)
    : row_floats_(row_floats),
      row_bytes_((sizeof(HotRow) + row_floats * sizeof(float) + 31) / 32 * 32),
      region_(std::move(region)),
      index_(std::move(index)) {}

absl::StatusOr<HotTable> HotTable::Create(uint32_t row_floats, uint64_t bytes_max) {
  const uint64_t slots = bytes_max / (sizeof(HotRow) + row_floats * sizeof(float)) + 1;
  if (slots >= HotIndex::kNoSlot) {
    return absl::InvalidArgumentError(fmt::format(
        "{} bytes of hot rows of {} floats are more than 2^32 rows", bytes_max, row_floats));
  }
  CARAVAN_ASSIGN_OR_RETURN(PageRegion region, PageRegion::Reserve(bytes_max));
  CARAVAN_ASSIGN_OR_RETURN(HotIndex index, HotIndex::Create(slots));
  return HotTable(row_floats, std::move(region), std::move(index));
}

void HotTable::Find(std::span<const uint64_t> keys, std::span<HotRow*> rows) const {
  CHECK_EQ(keys.size(), rows.size());
  std::array<uint32_t, kGroup> tags;
  const uint64_t prefetch_bytes = std::min(row_bytes_, kPrefetchBytes);
  for (size_t begin = 0; begin < keys.size(); begin += kGroup) {
    const size_t count = std::min(kGroup, keys.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      tags[i] = TagOf(keys[begin + i]);
      index_.Prefetch(tags[i]);
    }
    // The first entry of the tag is nearly always the key's; its row is asked for here and compared
    // in the next pass.
    for (size_t i = 0; i < count; ++i) {
      const uint32_t slot = index_.Find(tags[i], [](uint32_t) { return true; });
      HotRow* row = slot == HotIndex::kNoSlot ? nullptr : RowAt(slot);
      rows[begin + i] = row;
      if (row == nullptr) continue;
      const auto* bytes = reinterpret_cast<const std::byte*>(row);
      for (uint64_t at = 0; at < prefetch_bytes; at += kCacheLine) __builtin_prefetch(bytes + at);
    }
    for (size_t i = 0; i < count; ++i) {
      HotRow*& row = rows[begin + i];
      const uint64_t key = keys[begin + i];
      if (row == nullptr || row->key == key) continue;
      const uint32_t slot =
          index_.Find(tags[i], [&](uint32_t other) { return RowAt(other)->key == key; });
      row = slot == HotIndex::kNoSlot ? nullptr : RowAt(slot);
    }
  }
}

void HotTable::Prefetch(uint64_t slot) const {
  const auto* bytes = reinterpret_cast<const std::byte*>(RowAt(slot));
  const uint64_t size = std::min(row_bytes_, kPrefetchBytes);
  for (uint64_t at = 0; at < size; at += kCacheLine) __builtin_prefetch(bytes + at);
}

uint64_t HotTable::GrowthBytes(uint64_t slots) const {
  return slots * (row_bytes_ + kIndexBytes) + (slots_ == 0 ? kFirstBytes : 0);
}

absl::Status HotTable::Grow(uint64_t slots) {
  CARAVAN_RETURN_IF_ERROR(region_.Commit((slots_ + slots) * row_bytes_));
  slots_ += slots;
  return absl::OkStatus();
}

absl::StatusOr<HotRow*> HotTable::Insert(uint64_t key) {
  CHECK_GT(free_slots(), 0U);
  const uint32_t slot = free_.empty() ? static_cast<uint32_t>(used_slots_) : free_.back();
  CARAVAN_RETURN_IF_ERROR(index_.Insert(TagOf(key), slot));
  if (free_.empty()) {
    ++used_slots_;
  } else {
    free_.pop_back();
  }
  ++rows_;
  HotRow* row = RowAt(slot);
  *row = HotRow{};
  row->key = key;
  row->used = true;
  return row;
}

void HotTable::Erase(HotRow* row) {
  const auto slot = static_cast<uint32_t>(
      static_cast<uint64_t>(reinterpret_cast<std::byte*>(row) - region_.data()) / row_bytes_);
  index_.Erase(TagOf(row->key), slot);
  row->used = false;
  free_.push_back(slot);
  --rows_;
}

HotRow* HotTable::AdvanceHand() {
  if (used_slots_ == 0) return nullptr;
  if (hand_ >= used_slots_) hand_ = 0;
  HotRow* row = RowAt(hand_++);
  return row->used ? row : nullptr;
}

}  // namespace caravan::storage
