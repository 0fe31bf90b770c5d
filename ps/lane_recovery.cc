// Lane: its folder, and coming back from what a killed predecessor left there. See
// docs/formats/push_log.md.
#include <set>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"
#include "ps/checkpoint_layout.h"
#include "ps/lane.h"
#include "storage/image.h"
#include "storage/record_file.h"
#include "storage/record_key.h"

namespace caravan::ps {
namespace {

constexpr uint64_t kLogSegments = 4;  // in the log's budget

std::string Below(const std::string& directory, std::string_view name) {
  return fmt::format("{}/{}", directory, name);
}

}  // namespace

storage::PushLogOptions Lane::LogOptions() const {
  const LaneState state{.run_id = options_.run_id,
                        .lane = Index(options_.lane),
                        .lanes_total = options_.lanes_total,
                        .boot_id = {},
                        .parts = {}};
  return {.file_system = options_.file_system,
          .directory = Below(options_.data_directory, kLogName),
          .identity = state.identity(),
          .segment_bytes = (uint64_t{spec_.job().server().log_mebibytes()} << 20) / kLogSegments,
          .is_synced = spec_.job().cluster().durability() == conf::POWER_LOSS,
          .side = options_.writer};
}

void Lane::OpenImaging(LaneState state) {
  const storage::PushLogOptions log = LogOptions();
  imaging_ =
      std::make_unique<Imaging>(Imaging::Parts{.file_system = options_.file_system,
                                               .writer = options_.writer,
                                               .cold = options_.cold,
                                               .is_synced = log.is_synced,
                                               .kill_points = options_.kill_points,
                                               .rows = rows_.get(),
                                               .dense = &dense_,
                                               .marks = &marks_},
                                options_.data_directory, log.segment_bytes, std::move(state));
  checkpoint_files_ = std::make_unique<CheckpointFiles>(options_.file_system, options_.side);
}

absl::Status Lane::Lock() {
  CARAVAN_RETURN_IF_ERROR(options_.file_system->CreateDirectories(options_.data_directory));
  CARAVAN_ASSIGN_OR_RETURN(lock_,
                           options_.file_system->Lock(Below(options_.data_directory, "LOCK")));
  return absl::OkStatus();
}

// Makes the folder an empty lane's. What names the rest goes first.
absl::Status Lane::Clear() {
  storage::FileSystem& files = *options_.file_system;
  const std::string& directory = options_.data_directory;
  CARAVAN_RETURN_IF_ERROR(files.Remove(Below(directory, kStateName)));
  CARAVAN_RETURN_IF_ERROR(files.SyncDirectory(directory));
  for (const std::string_view name : {kLogName, kImagesName}) {
    CARAVAN_RETURN_IF_ERROR(files.RemoveTree(Below(directory, name)));
    CARAVAN_RETURN_IF_ERROR(files.CreateDirectories(Below(directory, name)));
    CARAVAN_RETURN_IF_ERROR(files.SyncDirectory(Below(directory, name)));
  }
  // Before there is a state again: a log of the lane before has the same name and identity, and a
  // loss of power must not bring it back.
  CARAVAN_RETURN_IF_ERROR(files.SyncDirectory(directory));
  const uint64_t bytes = uint64_t{spec_.job().server().rocksdb_mebibytes()} << 20;
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> records,
                           options_.record_stores->Create(Below(directory, kColdName), bytes));
  return OpenRows(std::move(records));
}

absl::Status Lane::OpenRows(std::unique_ptr<storage::RecordStore> records) {
  storage::RowStore::Options rows{
      .hot_bytes_max = uint64_t{spec_.job().server().hot_rows_mebibytes()} << 20,
      .shards = shards_,
      .tables = {},
  };
  for (const conf::TableSpec& table : spec_.model().tables()) {
    rows.tables.push_back({.weight_floats = table.width(),
                           .slot_floats = table.width() * row_optimizer_->slots_per_weight()});
  }
  if (LogOptions().is_synced) {
    // No row on the disk is ahead of the log there.
    rows.before_write = [this](uint64_t lsn) {
      return log_ != nullptr && lsn > log_->synced_lsn() ? log_->Sync() : absl::OkStatus();
    };
  }
  CARAVAN_ASSIGN_OR_RETURN(rows_, storage::RowStore::Create(std::move(rows), std::move(records)));
  return absl::OkStatus();
}

absl::Status Lane::Begin(uint64_t lsn) {
  CARAVAN_ASSIGN_OR_RETURN(std::string boot_id, options_.file_system->BootId());
  return BeginFrom(
      {
          .run_id = options_.run_id,
          .lane = Index(options_.lane),
          .lanes_total = options_.lanes_total,
          .durability = static_cast<uint32_t>(spec_.job().cluster().durability()),
          .boot_id = std::move(boot_id),
          .lsn = 0,
          .parts = {},
      },
      lsn, /*log_number=*/1);
}

// An image of what the lane holds, and an empty log behind it: from here on it can be killed.
absl::Status Lane::BeginFrom(LaneState state, uint64_t lsn, uint64_t log_number) {
  lsn_ = lsn;
  dense_.SetVersions(lsn);
  const storage::PushLogOptions log = LogOptions();
  OpenImaging(std::move(state));
  if (spec_.job().cluster().durability() == conf::CHECKPOINT) return absl::OkStatus();
  imaging_->Begin(lsn_, "");
  CARAVAN_RETURN_IF_ERROR(imaging_->Complete().status);
  // The folder itself stays: who comes back from here on misses it.
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           options_.file_system->List(log.directory));
  for (const std::string& name : names) {
    CARAVAN_RETURN_IF_ERROR(options_.file_system->Remove(Below(log.directory, name)));
  }
  log_ = std::make_unique<storage::PushLog>(
      log, storage::LogContent{.segments = {}, .last_lsn = lsn_, .next_number = log_number});
  return absl::OkStatus();
}

absl::Status Lane::CheckState(const LaneState& state, bool power_was_lost) const {
  const std::string& directory = options_.data_directory;
  if (state.run_id != options_.run_id || state.lane != Index(options_.lane) ||
      state.lanes_total != options_.lanes_total) {
    return absl::FailedPreconditionError(
        fmt::format("{} is of run {:016x}, lane {} of {}, not of run {:016x}, lane {} of {}",
                    directory, state.run_id, state.lane, state.lanes_total, options_.run_id,
                    Index(options_.lane), options_.lanes_total));
  }
  if (state.durability != static_cast<uint32_t>(spec_.job().cluster().durability())) {
    return absl::FailedPreconditionError(
        fmt::format("{} was written under another cluster.durability", directory));
  }
  if (state.durability == conf::CHECKPOINT) {
    return absl::FailedPreconditionError(
        fmt::format("{} has no log, as cluster.durability is CHECKPOINT", directory));
  }
  if (power_was_lost && state.durability == conf::PROCESS) {
    return absl::FailedPreconditionError(fmt::format(
        "{} was written before the machine was started: PROCESS does not survive that", directory));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Lane>> Lane::Recover(const conf::RunSpec& spec,
                                                    const Options& options) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Lane> lane, CreateEmpty(spec, options));
  storage::FileSystem& files = *lane->options_.file_system;
  CARAVAN_ASSIGN_OR_RETURN(const LaneState state, ReadLaneState(files, options.data_directory));
  CARAVAN_ASSIGN_OR_RETURN(const std::string boot_id, files.BootId());
  const bool power_was_lost = boot_id != state.boot_id;
  CARAVAN_RETURN_IF_ERROR(lane->CheckState(state, power_was_lost));
  CARAVAN_RETURN_IF_ERROR(lane->RecoverFrom(state, power_was_lost));
  return lane;
}

// Of the rows those of the newest image that has them; of the rest what the last image has, which
// holds it whole.
absl::Status Lane::LoadEntries(std::span<const storage::ImageEntry> entries, bool is_last) {
  std::vector<std::vector<std::pair<uint64_t, std::string_view>>> rows(
      static_cast<size_t>(spec_.model().tables_size()));
  for (const auto& [bytes, value] : entries) {
    CARAVAN_ASSIGN_OR_RETURN(const storage::RecordKey key, CheckKey(bytes));
    if (key.kind == storage::RecordKind::kRow) {
      rows[Index(key.table)].emplace_back(key.key, value);
    } else if (is_last && key.kind == storage::RecordKind::kShard) {
      CARAVAN_ASSIGN_OR_RETURN(const uint64_t shard_rows, ParseShardRecord(value));
      rows_->CountRows(key.shard, shard_rows);
    } else if (is_last) {
      CARAVAN_RETURN_IF_ERROR(RestoreState(key, value));
    }
  }
  for (uint32_t table = 0; table < rows.size(); ++table) {
    if (rows[table].empty()) continue;
    CARAVAN_RETURN_IF_ERROR(rows_->RestoreHotRows(TableId{table}, rows[table], is_last));
  }
  return absl::OkStatus();
}

absl::Status Lane::LoadImages(const LaneState& state) {
  const std::string directory = Below(options_.data_directory, kImagesName);
  const uint32_t last = state.parts.empty() ? 0 : state.parts.back().image;
  absl::Status loaded =
      storage::ReadImages(*options_.file_system, directory, state.identity(), state.parts,
                          [&](uint32_t image, std::span<const storage::ImageEntry> entries) {
                            return LoadEntries(entries, image == last);
                          });
  if (loaded.ok()) loaded = dense_.CheckComplete();
  if (loaded.ok()) return loaded;
  return absl::Status(loaded.code(),
                      fmt::format("{}: {}", directory, std::string(loaded.message())));
}

absl::Status Lane::RecoverFrom(const LaneState& state, bool power_was_lost) {
  const uint64_t bytes = uint64_t{spec_.job().server().rocksdb_mebibytes()} << 20;
  CARAVAN_ASSIGN_OR_RETURN(
      std::unique_ptr<storage::RecordStore> records,
      options_.record_stores->Open(Below(options_.data_directory, kColdName), bytes));
  CARAVAN_RETURN_IF_ERROR(OpenRows(std::move(records)));
  // Rows that the cold store has got since the image are counted by the log.
  rows_->SetCounting(false);
  CARAVAN_RETURN_IF_ERROR(LoadImages(state));
  lsn_ = state.lsn;
  const storage::PushLogOptions log = LogOptions();
  CARAVAN_ASSIGN_OR_RETURN(
      storage::LogContent content,
      storage::ReplayPushLog(log, state.lsn, power_was_lost,
                             [this](const storage::FileRecord& record) { return Replay(record); }));
  rows_->SetCounting(true);
  LOG(INFO) << "lane=" << Index(options_.lane) << " recovered rows=" << rows_->rows()
            << " image=" << state.lsn << " replayed pushes=" << lsn_ - state.lsn;
  if (power_was_lost) {
    // Pushes that were applied and not synced are gone: their versions must not come again with
    // other contents.
    LaneState again = state;
    CARAVAN_ASSIGN_OR_RETURN(again.boot_id, options_.file_system->BootId());
    return BeginFrom(std::move(again), storage::NextGeneration(lsn_), content.next_number);
  }
  for (const storage::LogSegment& segment : content.segments) log_bytes_ += segment.bytes;
  OpenImaging(state);
  log_ = std::make_unique<storage::PushLog>(log, content);
  return absl::OkStatus();
}

absl::Status Lane::Replay(const storage::FileRecord& record) {
  CARAVAN_ASSIGN_OR_RETURN(const PushRecord push, ParsePushRecord(record.payload));
  uint64_t floats = 0;
  for (const KeyList::Span& span : push.spans) {
    if (Index(span.table) >= static_cast<uint32_t>(spec_.model().tables_size())) {
      return absl::DataLossError(fmt::format("a push to table {}", Index(span.table)));
    }
    floats += span.count * spec_.model().tables(static_cast<int>(Index(span.table))).width();
  }
  if (floats != push.rows.size() || dense_.floats() != push.dense.size() ||
      (!push.needed.empty() && push.needed.size() != marks_.shards().size())) {
    return absl::DataLossError("a push of another model, or of other shards");
  }
  CARAVAN_RETURN_IF_ERROR(AcquireRows(push.spans, push.keys));
  Apply(push, record.lsn);
  for (const auto& [shard, made] : push.made_rows) {
    if (Index(shard) >= shards_) return absl::DataLossError("rows of a shard that is not there");
    rows_->CountRows(shard, made);
  }
  return absl::OkStatus();
}

}  // namespace caravan::ps
