#include "ps/checkpoint_reader.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "base/hash.h"
#include "base/status_macros.h"
#include "net/manifest_file.h"
#include "net/placement.h"
#include "ps/checkpoint_layout.h"
#include "ps/first_values.h"
#include "ps/lane_state.h"
#include "storage/posix_file_system.h"
#include "storage/record_key.h"
#include "storage/rocksdb_adapter.h"
#include "storage/row_store.h"

namespace caravan::ps {
namespace {

using storage::RecordKey;
using storage::RecordKind;

constexpr uint64_t kReadCacheBytes = 16 << 20;

class LaneReader final : public CheckpointReader {
 public:
  LaneReader(std::string directory, const conf::ModelSpec& model, const conf::Manifest& manifest,
             storage::RowPart part)
      : directory_(std::move(directory)),
        model_(model),
        part_(part),
        seed_(manifest.seed()),
        shards_(manifest.shards()),
        shard_lanes_(net::ShardLanes(shards_, manifest.lanes())) {}

  absl::Status OpenLanes(const conf::Manifest& manifest) {
    for (const std::string& lane : manifest.lane_directories()) {
      CARAVAN_ASSIGN_OR_RETURN(
          std::unique_ptr<storage::RecordStore> records,
          OpenCheckpointLane(*files_, *stores_, fmt::format("{}/{}", directory_, lane),
                             kReadCacheBytes));
      lanes_.push_back(std::move(records));
    }
    return CountRows();
  }

  absl::StatusOr<std::vector<float>> Dense() override {
    const std::vector<net::DenseChunk> chunks = net::DenseChunks(model_, shards_);
    std::vector<float> dense(net::DenseFloats(model_));
    std::vector<RecordKey> keys;
    keys.reserve(chunks.size());
    for (const net::DenseChunk& chunk : chunks) {
      keys.push_back({.shard = chunk.shard, .kind = RecordKind::kChunk, .number = Index(chunk.id)});
    }
    size_t found = 0;
    CARAVAN_RETURN_IF_ERROR(Read(keys, [&](size_t i, std::string_view value) -> absl::Status {
      CARAVAN_ASSIGN_OR_RETURN(const storage::RowRecord record,
                               storage::ParseRowPart(value, chunks[i].size, part_));
      std::memcpy(&dense[chunks[i].flat_offset], record.floats.data(), record.floats.size());
      ++found;
      return absl::OkStatus();
    }));
    if (found == chunks.size()) return dense;
    return absl::DataLossError(fmt::format("{} holds {} of the model's {} dense chunks", directory_,
                                           found, chunks.size()));
  }

  absl::Status Rows(TableId table, std::span<const uint64_t> keys,
                    std::vector<float>& weights) override {
    CARAVAN_RETURN_IF_ERROR(InitialState(model_, seed_)->Rows(table, keys, weights));
    const size_t width = model_.tables(static_cast<int>(Index(table))).width();
    std::vector<RecordKey> records;
    for (const uint64_t key : keys) {
      records.push_back({.shard = net::ShardOfRow(table, key, shards_),
                         .kind = RecordKind::kRow,
                         .table = table,
                         .key = key});
    }
    return Read(records, [&](size_t i, std::string_view value) -> absl::Status {
      CARAVAN_ASSIGN_OR_RETURN(const storage::RowRecord record,
                               storage::ParseRowPart(value, width, part_));
      std::memcpy(&weights[i * width], record.floats.data(), record.floats.size());
      return absl::OkStatus();
    });
  }

  uint64_t rows() const override { return rows_; }

 private:
  absl::Status CountRows() {
    std::vector<RecordKey> keys;
    for (uint32_t shard = 0; shard < shards_; ++shard) {
      keys.push_back({.shard = ShardId{shard}, .kind = RecordKind::kShard});
    }
    size_t found = 0;
    CARAVAN_RETURN_IF_ERROR(Read(keys, [&](size_t, std::string_view value) -> absl::Status {
      CARAVAN_ASSIGN_OR_RETURN(const uint64_t rows, ParseShardRecord(value));
      rows_ += rows;
      ++found;
      return absl::OkStatus();
    }));
    if (found == shards_) return absl::OkStatus();
    return absl::DataLossError(fmt::format("{} holds {} of {} shards", directory_, found, shards_));
  }

  // Each key from the lane that has its shard.
  absl::Status Read(const std::vector<RecordKey>& keys,
                    absl::FunctionRef<absl::Status(size_t, std::string_view)> found) {
    std::vector<std::vector<size_t>> of_lane(lanes_.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      of_lane[shard_lanes_[Index(keys[i].shard)]].push_back(i);
    }
    for (size_t lane = 0; lane < lanes_.size(); ++lane) {
      const std::vector<size_t>& wanted = of_lane[lane];
      std::vector<std::string> encoded;
      encoded.reserve(wanted.size());
      for (const size_t i : wanted) encoded.push_back(EncodeKey(keys[i]));
      const std::vector<std::string_view> views(encoded.begin(), encoded.end());
      const absl::Status status = lanes_[lane]->MultiGet(
          views, [&](size_t i, std::string_view value) { return found(wanted[i], value); });
      if (!status.ok()) {
        return absl::Status(status.code(), fmt::format("{}: {}", lanes_[lane]->directory(),
                                                       std::string(status.message())));
      }
    }
    return absl::OkStatus();
  }

  std::string directory_;
  conf::ModelSpec model_;
  storage::RowPart part_;
  uint64_t seed_;
  uint32_t shards_;
  std::vector<uint32_t> shard_lanes_;
  const std::unique_ptr<storage::FileSystem> files_ = storage::MakePosixFileSystem();
  const std::unique_ptr<storage::RecordStores> stores_ = storage::MakeRocksDbStores();
  std::vector<std::unique_ptr<storage::RecordStore>> lanes_;
  uint64_t rows_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointReader>> CheckpointReader::Open(
    const std::string& directory, const conf::ModelSpec& model, uint64_t seed,
    storage::RowPart part) {
  CARAVAN_ASSIGN_OR_RETURN(const conf::Manifest manifest, net::ReadManifest(directory));
  CARAVAN_RETURN_IF_ERROR(CheckManifest(directory, manifest, model, seed));
  CARAVAN_RETURN_IF_ERROR(net::VerifyFiles(directory, manifest));
  auto reader = std::make_unique<LaneReader>(directory, model, manifest, part);
  CARAVAN_RETURN_IF_ERROR(reader->OpenLanes(manifest));
  return reader;
}

}  // namespace caravan::ps
