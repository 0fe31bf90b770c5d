#include "worker/unique_keys.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace caravan::worker {

UniqueKeys::UniqueKeys(const conf::Schema& schema, uint64_t bitmap_keys_max)
    : bitmaps_(kSchemaTables), keys_(kSchemaTables), row_indices_(schema.fields_size()) {
  std::vector<uint64_t> key_ends(kSchemaTables, 0);
  for (const conf::Field& field : schema.fields()) {
    const auto table = static_cast<uint32_t>(field.group());
    fields_.push_back({field.name(), table, field.first_key(), field.values()});
    key_ends[table] = std::max(key_ends[table], field.first_key() + field.values());
  }
  for (uint32_t table = 0; table < kSchemaTables; ++table) {
    if (key_ends[table] > bitmap_keys_max) continue;
    const size_t words = (key_ends[table] + 63) / 64;
    bitmaps_[table].bits.assign(words, 0);
    bitmaps_[table].rows_before.assign(words, 0);
  }
}

absl::Status UniqueKeys::Find(const std::vector<std::vector<uint32_t>>& ids) {
  if (ids.size() != fields_.size()) {
    return absl::InternalError(
        fmt::format("a batch has {} fields, the schema {}", ids.size(), fields_.size()));
  }
  for (size_t f = 0; f < fields_.size(); ++f) {
    uint32_t largest = 0;
    for (const uint32_t id : ids[f]) largest = std::max(largest, id);
    if (!ids[f].empty() && largest >= fields_[f].values) {
      return absl::DataLossError(fmt::format("field {}: value id {}, but the schema has only {}",
                                             fields_[f].name, largest, fields_[f].values));
    }
  }
  for (std::vector<uint64_t>& keys : keys_) keys.clear();
  for (size_t f = 0; f < fields_.size(); ++f) {
    const FieldKeys& field = fields_[f];
    std::vector<uint64_t>& bits = bitmaps_[field.table].bits;
    if (bits.empty()) {
      for (const uint32_t id : ids[f]) keys_[field.table].push_back(field.first_key + id);
      continue;
    }
    for (const uint32_t id : ids[f]) {
      const uint64_t key = field.first_key + id;
      bits[key / 64] |= uint64_t{1} << (key % 64);
    }
  }
  for (uint32_t table = 0; table < kSchemaTables; ++table) {
    bitmaps_[table].bits.empty() ? ListSortedKeys(table) : ListBitmapKeys(table);
  }
  for (size_t f = 0; f < fields_.size(); ++f) FindRows(f, ids[f]);
  for (Bitmap& bitmap : bitmaps_) std::ranges::fill(bitmap.bits, 0);
  return absl::OkStatus();
}

void UniqueKeys::ListBitmapKeys(uint32_t table) {
  Bitmap& bitmap = bitmaps_[table];
  std::vector<uint64_t>& keys = keys_[table];
  for (size_t word = 0; word < bitmap.bits.size(); ++word) {
    bitmap.rows_before[word] = static_cast<uint32_t>(keys.size());
    for (uint64_t bits = bitmap.bits[word]; bits != 0; bits &= bits - 1) {
      keys.push_back(word * 64 + static_cast<uint64_t>(std::countr_zero(bits)));
    }
  }
}

void UniqueKeys::ListSortedKeys(uint32_t table) {
  std::vector<uint64_t>& keys = keys_[table];
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

void UniqueKeys::FindRows(size_t f, std::span<const uint32_t> ids) {
  const FieldKeys& field = fields_[f];
  const Bitmap& bitmap = bitmaps_[field.table];
  const std::vector<uint64_t>& keys = keys_[field.table];
  std::vector<uint32_t>& rows = row_indices_[f];
  rows.resize(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint64_t key = field.first_key + ids[i];
    if (bitmap.bits.empty()) {
      rows[i] = static_cast<uint32_t>(std::ranges::lower_bound(keys, key) - keys.begin());
      continue;
    }
    const uint64_t below = bitmap.bits[key / 64] & ((uint64_t{1} << (key % 64)) - 1);
    rows[i] = bitmap.rows_before[key / 64] + static_cast<uint32_t>(std::popcount(below));
  }
}

}  // namespace caravan::worker
