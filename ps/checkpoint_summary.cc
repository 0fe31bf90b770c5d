#include "ps/checkpoint_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/hash.h"
#include "base/status_macros.h"
#include "net/manifest_file.h"
#include "ps/checkpoint_layout.h"
#include "ps/lane_state.h"
#include "storage/posix_file_system.h"
#include "storage/record_key.h"
#include "storage/rocksdb_adapter.h"

namespace caravan::ps {
namespace {

using storage::RecordKind;

constexpr uint64_t kReadCacheBytes = 8 << 20;

template <typename T>
T ReadAt(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// LSNs count a lane's pushes: they differ with the number of lanes.
uint64_t DigestOf(const storage::RecordKey& key, std::string_view bytes, std::string_view value) {
  const bool has_lsn = key.kind == RecordKind::kRow || key.kind == RecordKind::kChunk;
  const size_t skipped = has_lsn ? std::min(sizeof(uint64_t), value.size()) : 0;
  return CombineHash(HashBytes(bytes), HashBytes(value.substr(skipped)));
}

ShardRange RangeOf(const std::vector<uint64_t>& counts) {
  const auto [lowest, highest] = std::minmax_element(counts.begin(), counts.end());
  return {*lowest, *highest};
}

// Counts the records of all lanes.
class Counter {
 public:
  explicit Counter(uint32_t shards)
      : shards_(shards), expected_rows_(shards, 0), found_rows_(shards, 0), batches_(shards, 0) {}

  absl::Status Add(std::string_view bytes, std::string_view value) {
    const std::optional<storage::RecordKey> key = storage::DecodeKey(bytes);
    if (!key.has_value() || Index(key->shard) >= shards_) {
      return absl::DataLossError(fmt::format("a key of {} bytes is no record's", bytes.size()));
    }
    const uint32_t shard = Index(key->shard);
    summary_.digest += DigestOf(*key, bytes, value);
    switch (key->kind) {
      case RecordKind::kShard: {
        CARAVAN_ASSIGN_OR_RETURN(expected_rows_[shard], ParseShardRecord(value));
        ++found_shards_;
        return absl::OkStatus();
      }
      case RecordKind::kRow:
        ++found_rows_[shard];
        ++summary_.rows;
        ++summary_.table_rows[Index(key->table)];
        return absl::OkStatus();
      case RecordKind::kChunk:
        ++summary_.dense_chunks;
        return absl::OkStatus();
      case RecordKind::kMarks:
        return AddMarks(shard, value);
      case RecordKind::kLedger:
        if (value.size() != sizeof(uint64_t)) break;
        ledger_.try_emplace(key->number, shards_, 0).first->second[shard] =
            ReadAt<uint64_t>(value, 0);
        return absl::OkStatus();
    }
    return absl::DataLossError(
        fmt::format("a record of shard {} with {} bytes is of no known form", shard, value.size()));
  }

  absl::StatusOr<CheckpointSummary> Finish() && {
    if (found_shards_ != shards_) {
      return absl::DataLossError(fmt::format("{} of {} shards are there", found_shards_, shards_));
    }
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      if (found_rows_[shard] == expected_rows_[shard]) continue;
      return absl::DataLossError(fmt::format("shard {} has {} rows, {} were written", shard,
                                             found_rows_[shard], expected_rows_[shard]));
    }
    summary_.batches = RangeOf(batches_);
    for (const auto& [epoch, samples] : ledger_) summary_.samples[epoch] = RangeOf(samples);
    return std::move(summary_);
  }

 private:
  absl::Status AddMarks(uint32_t shard, std::string_view value) {
    if (value.size() < 4 || value.size() % 8 != 4) {
      return absl::DataLossError(
          fmt::format("marks of shard {} have {} bytes", shard, value.size()));
    }
    const auto epoch = ReadAt<uint32_t>(value, 0);
    // Marks of an epoch before the latest say nothing: it is complete everywhere.
    if (epoch < summary_.epoch) return absl::OkStatus();
    if (epoch > summary_.epoch) {
      summary_.epoch = epoch;
      batches_.assign(shards_, 0);
    }
    for (size_t offset = 4; offset < value.size(); offset += 8) {
      batches_[shard] += ReadAt<uint32_t>(value, offset + 4);
    }
    return absl::OkStatus();
  }

  const uint32_t shards_;
  CheckpointSummary summary_;
  uint32_t found_shards_ = 0;
  std::vector<uint64_t> expected_rows_;
  std::vector<uint64_t> found_rows_;
  std::vector<uint64_t> batches_;
  std::map<uint32_t, std::vector<uint64_t>> ledger_;
};

}  // namespace

absl::StatusOr<CheckpointSummary> SummariseCheckpoint(const std::string& directory) {
  CARAVAN_ASSIGN_OR_RETURN(conf::Manifest manifest, net::ReadManifest(directory));
  return SummariseLanes(directory, std::move(manifest));
}

absl::StatusOr<CheckpointSummary> SummariseLanes(const std::string& directory,
                                                 conf::Manifest manifest) {
  CARAVAN_RETURN_IF_ERROR(net::VerifyFiles(directory, manifest));
  if (manifest.shards() == 0) {
    return absl::DataLossError(fmt::format("{}/MANIFEST names no number of shards", directory));
  }
  const std::unique_ptr<storage::FileSystem> files = storage::MakePosixFileSystem();
  const std::unique_ptr<storage::RecordStores> stores = storage::MakeRocksDbStores();
  Counter counter(manifest.shards());
  for (const std::string& lane : manifest.lane_directories()) {
    const std::string path = fmt::format("{}/{}", directory, lane);
    CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::RecordStore> records,
                             OpenCheckpointLane(*files, *stores, path, kReadCacheBytes));
    const absl::Status status =
        records->Scan(storage::ShardBegin(0), storage::ShardBegin(manifest.shards()),
                      [&counter](std::string_view key, std::string_view value) {
                        return counter.Add(key, value);
                      });
    if (!status.ok()) {
      return absl::Status(status.code(),
                          fmt::format("{}: {}", path, std::string(status.message())));
    }
  }
  absl::StatusOr<CheckpointSummary> summary = std::move(counter).Finish();
  if (!summary.ok()) {
    return absl::Status(summary.status().code(),
                        fmt::format("{}: {}", directory, std::string(summary.status().message())));
  }
  for (const conf::ManifestFile& file : manifest.files()) summary->bytes += file.bytes();
  summary->manifest = std::move(manifest);
  return summary;
}

}  // namespace caravan::ps
