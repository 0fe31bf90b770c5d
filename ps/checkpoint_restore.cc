// Lane: starting from a checkpoint that any number of lanes wrote. Shards move whole: a shard is
// one range of records in the database of the lane that had it.
#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"
#include "net/placement.h"
#include "ps/checkpoint_layout.h"
#include "ps/lane.h"
#include "storage/record_key.h"

namespace caravan::ps {
namespace {

constexpr uint64_t kReadCacheBytes = 8 << 20;

}  // namespace

// Of a record of a shard of this lane.
absl::StatusOr<storage::RecordKey> Lane::CheckKey(std::string_view bytes) const {
  const std::optional<storage::RecordKey> key = storage::DecodeKey(bytes);
  if (!key.has_value() || Index(key->shard) >= shards_ || !is_own_[Index(key->shard)]) {
    return absl::DataLossError(fmt::format("a key of {} bytes is no record's", bytes.size()));
  }
  if (key->kind == storage::RecordKind::kRow &&
      Index(key->table) >= static_cast<uint32_t>(spec_.model().tables_size())) {
    return absl::DataLossError(fmt::format("a row of table {}", Index(key->table)));
  }
  return *key;
}

// A record that is neither a row nor a shard's count of them.
absl::Status Lane::RestoreState(const storage::RecordKey& key, std::string_view value) {
  switch (key.kind) {
    case storage::RecordKind::kChunk:
      return dense_.Load(ChunkId{key.number}, value);
    case storage::RecordKind::kMarks:
      return marks_.LoadMarks(key.shard, value);
    case storage::RecordKind::kLedger:
      return marks_.LoadLedger(key.shard, key.number, value);
    default:
      return absl::DataLossError("a record of an unknown kind");
  }
}

absl::Status Lane::RestoreShard(storage::RecordStore& from, ShardId shard) {
  std::optional<uint64_t> expected_rows;
  const auto restore = [&](std::string_view bytes, std::string_view value) -> absl::Status {
    CARAVAN_ASSIGN_OR_RETURN(const storage::RecordKey key, CheckKey(bytes));
    if (key.kind == storage::RecordKind::kRow) {
      return rows_->RestoreRow(key.shard, key.table, bytes, value);
    }
    if (key.kind != storage::RecordKind::kShard) return RestoreState(key, value);
    CARAVAN_ASSIGN_OR_RETURN(expected_rows, ParseShardRecord(value));
    return absl::OkStatus();
  };
  absl::Status status =
      from.Scan(storage::ShardBegin(Index(shard)), storage::ShardBegin(Index(shard) + 1), restore);
  if (status.ok() && !expected_rows.has_value()) {
    status = absl::DataLossError("its records are not there");
  } else if (status.ok() && *expected_rows != rows_->rows(shard)) {
    status = absl::DataLossError(
        fmt::format("{} rows are there, {} were written", rows_->rows(shard), *expected_rows));
  }
  if (status.ok()) return status;
  return absl::Status(status.code(), fmt::format("{}: shard {}: {}", from.directory(), Index(shard),
                                                 std::string(status.message())));
}

absl::Status Lane::RestoreFrom(const std::string& directory, const conf::Manifest& manifest) {
  CARAVAN_RETURN_IF_ERROR(CheckManifest(directory, manifest, spec_.model(), seed_));
  if (manifest.shards() != shards_) {
    return absl::FailedPreconditionError(
        fmt::format("{} has {} shards, this job has {}: cluster.shards is fixed for the life of a "
                    "model",
                    directory, manifest.shards(), shards_));
  }
  const std::vector<uint32_t> lanes = net::ShardLanes(shards_, manifest.lanes());
  std::map<uint32_t, std::vector<ShardId>> shards_of_lane;  // of the lanes that wrote
  for (const ShardId shard : marks_.shards()) {
    shards_of_lane[lanes[Index(shard)]].push_back(shard);
  }
  uint64_t lsn = kFirstLsn;
  for (const auto& [lane, shards] : shards_of_lane) {
    const std::string from =
        fmt::format("{}/{}", directory, manifest.lane_directories(static_cast<int>(lane)));
    CARAVAN_ASSIGN_OR_RETURN(const LaneState state, ReadLaneState(*options_.file_system, from));
    CARAVAN_ASSIGN_OR_RETURN(
        const std::unique_ptr<storage::RecordStore> records,
        OpenCheckpointLane(*options_.file_system, *options_.record_stores, from, kReadCacheBytes));
    for (const ShardId shard : shards) CARAVAN_RETURN_IF_ERROR(RestoreShard(*records, shard));
    lsn = std::max(lsn, state.lsn);
  }
  CARAVAN_RETURN_IF_ERROR(rows_->FinishRestore());
  if (absl::Status status = dense_.CheckComplete(); !status.ok()) {
    return absl::Status(status.code(),
                        fmt::format("{}: {}", directory, std::string(status.message())));
  }
  LOG(INFO) << "lane=" << Index(options_.lane) << " restored rows=" << rows_->rows()
            << " dense_chunks=" << dense_.chunks().size() << " from=" << directory;
  return Begin(storage::NextGeneration(lsn));
}

}  // namespace caravan::ps
