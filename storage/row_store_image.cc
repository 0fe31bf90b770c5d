// RowStore: images of its rows.
#include "storage/record_key.h"
#include "storage/row_store.h"

namespace caravan::storage {

void RowStore::BeginImage(uint32_t number, uint64_t after, uint64_t lsn, ImageWriter* image) {
  image_ = {.writer = image, .number = number, .after = after, .lsn = lsn};
}

// A row that changed since the image before, or that the cold store holds for as long as the row is
// not evicted again.
void RowStore::KeepRow(TableId table, HotRow& row) {
  if (image_.writer == nullptr || row.image == image_.number) return;
  if (row.version == 0 || row.version > image_.lsn) return;
  if (row.dirty && row.version <= image_.after) return;
  row.image = image_.number;
  char key[kRowKeyBytes];
  EncodeRowKey(ShardId{ShardOf(table, row.key)}, table, row.key, key);
  const std::span<const std::byte> floats = std::as_bytes(std::span(row.floats(), Floats(table)));
  FormatRow(row.version, row.steps, floats,
            image_.writer->Add(std::string_view(key, kRowKeyBytes), FormattedBytes(floats.size())));
}

void RowStore::KeepForImage(TableId table, std::span<HotRow* const> rows) {
  if (image_.writer == nullptr) return;
  for (HotRow* row : rows) KeepRow(table, *row);
}

bool RowStore::SweepImage(uint64_t bytes_max) {
  constexpr uint64_t kRowsAhead = 8;   // asked of memory
  constexpr uint64_t kSlotBytes = 16;  // what passing over a row costs, beside what saving it costs
  uint64_t bytes = 0;
  for (; image_.table < hot_.size(); ++image_.table, image_.slot = 0) {
    const HotTable& hot = hot_[image_.table];
    for (; image_.slot < hot.used_slots(); ++image_.slot) {
      if (bytes >= bytes_max) return false;
      bytes += kSlotBytes;
      hot.Prefetch(image_.slot + kRowsAhead);
      HotRow* row = hot.RowIn(image_.slot);
      if (row == nullptr || !row->dirty) continue;
      const uint32_t image_before = row->image;
      KeepRow(TableId{static_cast<uint32_t>(image_.table)}, *row);
      if (row->image != image_before) bytes += hot.row_bytes();
    }
  }
  return true;
}

double RowStore::SweptShare() const {
  uint64_t swept = image_.slot;
  uint64_t all = 0;
  for (size_t i = 0; i < hot_.size(); ++i) {
    all += hot_[i].used_slots();
    if (i < image_.table) swept += hot_[i].used_slots();
  }
  return all == 0 ? 1 : static_cast<double>(swept) / static_cast<double>(all);
}

uint64_t RowStore::image_bytes_max() const {
  uint64_t bytes = 0;
  for (const HotTable& hot : hot_) bytes += hot.rows() * (hot.row_bytes() + kRowKeyBytes);
  return bytes;
}

}  // namespace caravan::storage
