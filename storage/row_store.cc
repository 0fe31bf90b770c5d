#include "storage/row_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"
#include "storage/record_key.h"

namespace caravan::storage {
namespace {

constexpr uint64_t kGrowthBytesMin = 64 << 10;
constexpr uint64_t kGrowthBytesMax = 2 << 20;
constexpr uint64_t kEvictRows = 256;          // at least, so that writes are not one by one
constexpr uint64_t kBatchBytesMax = 1 << 20;  // of a write to RocksDB
constexpr size_t kRowHeaderBytes = FormattedBytes(0);

// Fills a slot from its record.
void FillRow(const RowRecord& record, HotRow& row) {
  row.version = record.version;
  row.steps = record.steps;
  std::memcpy(row.floats(), record.floats.data(), record.floats.size());
}

}  // namespace

absl::StatusOr<RowRecord> ParseRow(std::string_view value, uint64_t floats) {
  const uint64_t expected = kRowHeaderBytes + floats * sizeof(float);
  if (value.size() != expected) {
    return absl::DataLossError(fmt::format("a record has {} bytes instead of {} ({} floats)",
                                           value.size(), expected, floats));
  }
  RowRecord record;
  std::memcpy(&record.version, value.data(), sizeof(record.version));
  std::memcpy(&record.steps, value.data() + sizeof(record.version), sizeof(record.steps));
  record.floats = std::as_bytes(std::span(value.substr(kRowHeaderBytes, floats * sizeof(float))));
  return record;
}

absl::StatusOr<RowRecord> ParseRowPart(std::string_view value, uint64_t weights, RowPart part) {
  const uint64_t held =
      value.size() < kRowHeaderBytes ? 0 : (value.size() - kRowHeaderBytes) / sizeof(float);
  // Averages lie behind the weights, not in them.
  const uint64_t needed = part == RowPart::kWeights ? weights : 2 * weights;
  if (held < needed) {
    return absl::DataLossError(fmt::format("a record has {} bytes where {} are needed ({} floats)",
                                           value.size(), FormattedBytes(needed * sizeof(float)),
                                           needed));
  }
  CARAVAN_ASSIGN_OR_RETURN(RowRecord record, ParseRow(value, held));
  record.floats = part == RowPart::kWeights ? record.floats.first(weights * sizeof(float))
                                            : record.floats.last(weights * sizeof(float));
  return record;
}

void FormatRow(uint64_t version, uint32_t steps, std::span<const std::byte> floats,
               std::span<char> value) {
  CHECK_EQ(value.size(), FormattedBytes(floats.size()));
  std::memcpy(value.data(), &version, sizeof(version));
  std::memcpy(value.data() + sizeof(version), &steps, sizeof(steps));
  std::memcpy(value.data() + kRowHeaderBytes, floats.data(), floats.size());
}

RowStore::RowStore(Options options, std::unique_ptr<RecordStore> records)
    : options_(std::move(options)), records_(std::move(records)), shard_rows_(options_.shards) {}

absl::StatusOr<std::unique_ptr<RowStore>> RowStore::Create(Options options,
                                                           std::unique_ptr<RecordStore> records) {
  auto store = std::unique_ptr<RowStore>(new RowStore(std::move(options), std::move(records)));
  const std::vector<RowTable>& tables = store->options_.tables;
  const uint64_t budget = store->options_.hot_bytes_max;
  store->growth_bytes_ = std::clamp(budget / (8 * std::max<size_t>(tables.size(), 1)),
                                    kGrowthBytesMin, kGrowthBytesMax);
  uint64_t least_bytes = 0;
  for (const RowTable& table : tables) {
    CARAVAN_ASSIGN_OR_RETURN(HotTable hot,
                             HotTable::Create(table.weight_floats + table.slot_floats, budget));
    least_bytes += hot.GrowthBytes(store->GrowthSlots(hot));
    store->hot_.push_back(std::move(hot));
  }
  if (least_bytes > budget) {
    return absl::ResourceExhaustedError(fmt::format(
        "{} tables need at least {} bytes for hot rows; server.hot_rows_mebibytes grants a lane {}",
        tables.size(), least_bytes, budget));
  }
  // The least of every table is set aside now, so that no table is starved by those before it.
  store->hot_bytes_ = least_bytes;
  return store;
}

uint32_t RowStore::Floats(TableId table) const { return hot_[Index(table)].row_floats(); }

uint64_t RowStore::GrowthSlots(const HotTable& table) const {
  return std::max<uint64_t>(growth_bytes_ / table.row_bytes(), 1);
}

uint64_t RowStore::hot_rows() const {
  uint64_t rows = 0;
  for (const HotTable& table : hot_) rows += table.rows();
  return rows;
}

uint64_t RowStore::resident_bytes() const {
  uint64_t bytes = 0;
  for (const HotTable& table : hot_) bytes += table.resident_bytes();
  return bytes;
}

uint32_t RowStore::ShardOf(TableId table, uint64_t key) const {
  return static_cast<uint32_t>(FrozenHash(Index(table), key) % options_.shards);
}

void RowStore::PutRow(TableId table, const HotRow& row, RecordBatch& batch) {
  char key[kRowKeyBytes];
  EncodeRowKey(ShardId{ShardOf(table, row.key)}, table, row.key, key);
  const std::span<const std::byte> floats = std::as_bytes(std::span(row.floats(), Floats(table)));
  value_.resize(FormattedBytes(floats.size()));
  FormatRow(row.version, row.steps, floats, value_);
  batch.Put(std::string_view(key, kRowKeyBytes), value_);
}

// Frees up to `wanted` slots of the table's least recently used rows; says how many.
absl::StatusOr<uint64_t> RowStore::Evict(TableId table, uint64_t wanted) {
  HotTable& hot = hot_[Index(table)];
  std::vector<HotRow*> victims;
  RecordBatch batch;
  uint64_t lsn = 0;
  // Twice around clears every second chance once; what is left then is held by this batch.
  for (uint64_t turns = 2 * hot.slots(); turns > 0 && victims.size() < wanted; --turns) {
    HotRow* row = hot.AdvanceHand();
    if (row == nullptr || row->last_batch == batch_) continue;
    if (row->referenced) {
      row->referenced = false;
      continue;
    }
    row->last_batch = batch_;  // not a victim twice
    victims.push_back(row);
    KeepRow(table, *row);
    if (!row->dirty) continue;
    PutRow(table, *row, batch);
    lsn = std::max(lsn, row->version);
  }
  const absl::Status written = batch.records() > 0 ? WriteCold(batch, lsn) : absl::OkStatus();
  for (HotRow* row : victims) {
    if (written.ok()) {
      hot.Erase(row);
    } else {
      row->last_batch = 0;
    }
  }
  CARAVAN_RETURN_IF_ERROR(written);
  evictions_ += victims.size();
  return victims.size();
}

absl::Status RowStore::WriteCold(RecordBatch& batch, uint64_t lsn) {
  if (options_.before_write) CARAVAN_RETURN_IF_ERROR(options_.before_write(lsn));
  return records_->Write(batch);
}

absl::Status RowStore::MakeRoom(TableId table, uint64_t slots) {
  HotTable& hot = hot_[Index(table)];
  while (hot.free_slots() < slots) {
    const uint64_t growth = GrowthSlots(hot);
    const bool is_first = hot.slots() == 0;  // set aside at the start
    const uint64_t growth_bytes = is_first ? 0 : hot.GrowthBytes(growth);
    if (hot_bytes_ + growth_bytes <= options_.hot_bytes_max) {
      CARAVAN_RETURN_IF_ERROR(hot.Grow(growth));
      hot_bytes_ += growth_bytes;
      continue;
    }
    CARAVAN_ASSIGN_OR_RETURN(const uint64_t freed,
                             Evict(table, std::max(slots - hot.free_slots(), kEvictRows)));
    if (freed == 0) {
      return absl::ResourceExhaustedError(
          fmt::format("one batch needs more rows of table {} than the lane's {} bytes for hot rows "
                      "hold; raise server.hot_rows_mebibytes",
                      Index(table), options_.hot_bytes_max));
    }
  }
  return absl::OkStatus();
}

absl::Status RowStore::ReadCold(TableId table, std::span<const uint64_t> keys,
                                absl::FunctionRef<absl::Status(size_t, const RowRecord&)> found) {
  // By shard, then key: the order in which they lie.
  std::vector<std::pair<uint32_t, size_t>> order(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    order[i] = {ShardOf(table, keys[i]), i};
  }
  std::sort(order.begin(), order.end());
  std::vector<char> bytes(keys.size() * kRowKeyBytes);
  std::vector<std::string_view> records(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    char* at = bytes.data() + i * kRowKeyBytes;
    EncodeRowKey(ShardId{order[i].first}, table, keys[order[i].second], at);
    records[i] = std::string_view(at, kRowKeyBytes);
  }
  return records_->MultiGet(records, [&](size_t i, std::string_view value) -> absl::Status {
    const absl::StatusOr<RowRecord> row = ParseRow(value, Floats(table));
    if (!row.ok()) {
      return absl::DataLossError(fmt::format("{}: table {} key {}: {}", records_->directory(),
                                             Index(table), keys[order[i].second],
                                             std::string(row.status().message())));
    }
    return found(order[i].second, *row);
  });
}

absl::Status RowStore::Read(TableId table, std::span<const uint64_t> keys, Initial initial,
                            RowPart part, std::span<float> floats) {
  const RowTable& shape = options_.tables[Index(table)];
  const size_t width = shape.weight_floats;
  CHECK_EQ(floats.size(), keys.size() * width);
  CHECK(part == RowPart::kWeights || shape.slot_floats >= width);
  const size_t first = part == RowPart::kWeights ? 0 : shape.slot_floats;
  found_.resize(keys.size());
  HotTable& hot = hot_[Index(table)];
  hot.Find(keys, found_);
  missing_.clear();
  missing_keys_.clear();
  for (size_t i = 0; i < keys.size(); ++i) {
    HotRow* row = found_[i];
    if (row == nullptr) {
      missing_.push_back(i);
      missing_keys_.push_back(keys[i]);
      continue;
    }
    if (!row->referenced) row->referenced = true;
    std::memcpy(&floats[i * width], row->floats() + first, width * sizeof(float));
  }
  std::vector<bool> is_cold(missing_.size());
  if (!missing_.empty() && HasColdRows()) {
    CARAVAN_RETURN_IF_ERROR(
        ReadCold(table, missing_keys_, [&](size_t i, const RowRecord& record) -> absl::Status {
          is_cold[i] = true;
          std::memcpy(&floats[missing_[i] * width], record.floats.data() + first * sizeof(float),
                      width * sizeof(float));
          // A pull is mostly followed by a push of the same keys: take the row in where there is
          // room without evicting another.
          if (hot.free_slots() == 0) return absl::OkStatus();
          const absl::StatusOr<HotRow*> row = hot.Insert(missing_keys_[i]);
          if (row.ok()) FillRow(record, **row);
          return absl::OkStatus();
        }));
  }
  for (size_t i = 0; i < missing_.size(); ++i) {
    if (!is_cold[i]) initial(missing_keys_[i], floats.subspan(missing_[i] * width, width));
  }
  return absl::OkStatus();
}

absl::Status RowStore::Acquire(TableId table, std::span<const uint64_t> keys, Initial initial,
                               std::span<HotRow*> rows) {
  HotTable& hot = hot_[Index(table)];
  hot.Find(keys, rows);
  missing_.clear();
  missing_keys_.clear();
  for (size_t i = 0; i < keys.size(); ++i) {
    if (rows[i] == nullptr) {
      missing_.push_back(i);
      missing_keys_.push_back(keys[i]);
      continue;
    }
    rows[i]->last_batch = batch_;
    rows[i]->referenced = true;
  }
  if (missing_.empty()) return absl::OkStatus();
  const bool has_cold_rows = HasColdRows();
  CARAVAN_RETURN_IF_ERROR(MakeRoom(table, missing_.size()));
  if (has_cold_rows) {
    CARAVAN_RETURN_IF_ERROR(
        ReadCold(table, missing_keys_, [&](size_t i, const RowRecord& record) -> absl::Status {
          CARAVAN_ASSIGN_OR_RETURN(HotRow * row, hot.Insert(missing_keys_[i]));
          FillRow(record, *row);
          rows[missing_[i]] = row;
          return absl::OkStatus();
        }));
  }
  for (size_t i = 0; i < missing_.size(); ++i) {
    HotRow*& row = rows[missing_[i]];
    if (row == nullptr) {
      CARAVAN_ASSIGN_OR_RETURN(row, hot.Insert(missing_keys_[i]));
      initial(row->key, std::span(row->floats(), hot.row_floats()));
      row->dirty = true;
      made_.emplace_back(table, row);
      if (is_counting_) CountRows(ShardId{ShardOf(table, row->key)}, 1);
    }
    row->last_batch = batch_;
    row->referenced = true;
  }
  return absl::OkStatus();
}

std::vector<std::pair<ShardId, uint32_t>> RowStore::MadeRows() const {
  std::vector<std::pair<ShardId, uint32_t>> made;
  for (const auto& [table, row] : made_) {
    made.emplace_back(ShardId{ShardOf(table, row->key)}, 1);
  }
  std::sort(made.begin(), made.end());
  size_t used = 0;
  for (size_t i = 0; i < made.size(); ++i) {
    if (used > 0 && made[used - 1].first == made[i].first) {
      ++made[used - 1].second;
    } else {
      made[used++] = made[i];
    }
  }
  made.resize(used);
  return made;
}

void RowStore::ForgetMadeRows() {
  for (const auto& [table, row] : made_) {
    if (is_counting_) {
      --rows_;
      --shard_rows_[ShardOf(table, row->key)];
    }
    hot_[Index(table)].Erase(row);
  }
  made_.clear();
}

void RowStore::CountRows(ShardId shard, uint64_t made) {
  rows_ += made;
  shard_rows_[Index(shard)] += made;
}

absl::Status RowStore::RestoreRow(ShardId shard, TableId table, std::string_view record,
                                  std::string_view value) {
  CARAVAN_RETURN_IF_ERROR(ParseRow(value, Floats(table)).status());
  ++shard_rows_[Index(shard)];
  restored_.Put(record, value);
  ++rows_;
  return restored_.bytes() > kBatchBytesMax ? records_->Write(restored_) : absl::OkStatus();
}

absl::Status RowStore::FinishRestore() {
  return restored_.records() > 0 ? records_->Write(restored_) : absl::OkStatus();
}

absl::Status RowStore::RestoreHotRows(TableId table,
                                      std::span<const std::pair<uint64_t, std::string_view>> rows,
                                      bool is_last) {
  HotTable& hot = hot_[Index(table)];
  missing_keys_.clear();
  for (const auto& [key, value] : rows) missing_keys_.push_back(key);
  found_.resize(rows.size());
  hot.Find(missing_keys_, found_);
  std::vector<bool> is_cold(rows.size());
  if (!is_last) {
    CARAVAN_RETURN_IF_ERROR(
        ReadCold(table, missing_keys_, [&](size_t i, const RowRecord& record) -> absl::Status {
          is_cold[i] = record.version > RecordLsn(rows[i].second);
          return absl::OkStatus();
        }));
  }
  BeginBatch();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (found_[i] != nullptr || is_cold[i]) continue;
    const auto& [key, value] = rows[i];
    CARAVAN_ASSIGN_OR_RETURN(const RowRecord record, ParseRow(value, Floats(table)));
    // The key may have come in this call.
    hot.Find(std::span(&key, 1), std::span(&found_[i], 1));
    if (found_[i] != nullptr) continue;
    CARAVAN_RETURN_IF_ERROR(MakeRoom(table, 1));
    CARAVAN_ASSIGN_OR_RETURN(HotRow * row, hot.Insert(key));
    FillRow(record, *row);
    row->dirty = true;
  }
  return absl::OkStatus();
}

}  // namespace caravan::storage
