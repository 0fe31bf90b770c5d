// Lane: writing a checkpoint. Dirty rows, dense chunks, marks and ledger go to RocksDB, whose files
// are then hard-linked; pushes wait meanwhile. See docs/formats/checkpoint.md.
#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/file.h"
#include "base/status_macros.h"
#include "ps/checkpoint_layout.h"
#include "ps/lane.h"
#include "storage/record_key.h"

namespace caravan::ps {
namespace {

namespace fs = std::filesystem;

absl::Status RemoveTree(const std::string& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), fmt::format("cannot remove {}", directory));
}

absl::StatusOr<std::vector<std::string>> FileNames(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  for (const fs::directory_iterator end; !error && entries != end; entries.increment(error)) {
    names.push_back(entries->path().filename().string());
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), fmt::format("cannot list {}", directory));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

// A directory that a peer names: absolute, there, of this run, and not yet a complete checkpoint.
absl::Status Lane::CheckCheckpointDirectory(const std::string& directory) const {
  const fs::path path = fs::path(directory).lexically_normal();
  std::error_code error;
  if (!path.is_absolute() || !fs::is_directory(path, error)) {
    return absl::InvalidArgumentError(
        fmt::format("checkpoint to \"{}\", which is no absolute path of a folder", directory));
  }
  if (!spec_.run_directory().empty()) {
    const fs::path run = fs::path(spec_.run_directory()).lexically_normal();
    const fs::path relative = path.lexically_relative(run);
    if (relative.empty() || *relative.begin() == ".." || *relative.begin() == ".") {
      return absl::InvalidArgumentError(fmt::format(
          "checkpoint to {}, which is not below the run {}", directory, spec_.run_directory()));
    }
  }
  if (fs::exists(path / "MANIFEST", error)) {
    return absl::InvalidArgumentError(
        fmt::format("{} is a complete checkpoint; it is never written again", directory));
  }
  return absl::OkStatus();
}

absl::Status Lane::SaveShards() {
  CARAVAN_RETURN_IF_ERROR(dense_.Save(rows_->records()));
  storage::RecordBatch records;
  marks_.Save(records);
  for (const ShardId shard : marks_.shards()) {
    records.Put(storage::EncodeKey({.shard = shard, .kind = storage::RecordKind::kShard}),
                FormatShardRecord(rows_->rows(shard)));
  }
  return rows_->records().Write(records);
}

absl::Status Lane::WriteState(const std::string& lane_directory) {
  // What an attempt that failed has left.
  CARAVAN_RETURN_IF_ERROR(RemoveTree(lane_directory));
  CARAVAN_RETURN_IF_ERROR(rows_->Flush());
  CARAVAN_RETURN_IF_ERROR(SaveShards());
  CARAVAN_RETURN_IF_ERROR(rows_->records().Flush());
  return rows_->records().LinkTo(lane_directory);
}

absl::StatusOr<net::Message> Lane::HandleSaveCheckpoint(const net::Header& header) {
  const std::string& directory = header.save_checkpoint().directory();
  const std::string name = LaneDirectory(options_.lane);
  const std::string lane_directory = fmt::format("{}/{}", directory, name);
  // A checkpoint that another lane could not write is taken away by the scheduler and tried again.
  std::error_code error;
  if (saved_directory_ != directory || !fs::exists(lane_directory, error)) {
    CARAVAN_RETURN_IF_ERROR(CheckCheckpointDirectory(directory));
    if (absl::Status status = WriteState(lane_directory); !status.ok()) {
      RemoveTree(lane_directory).IgnoreError();  // the first error is the one to tell
      return status;
    }
    net::SaveCheckpointReply saved;
    CARAVAN_ASSIGN_OR_RETURN(const std::vector<std::string> files, FileNames(lane_directory));
    for (const std::string& file : files) {
      CARAVAN_ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(lane_directory + "/" + file));
      net::CheckpointFile& entry = *saved.add_files();
      entry.set_path(fmt::format("{}/{}", name, file));
      entry.set_bytes(digest.bytes);
      entry.set_checksum(digest.checksum);
    }
    saved.set_rows(rows_->rows());
    saved_ = std::move(saved);
    saved_directory_ = directory;
    LOG(INFO) << "lane=" << Index(options_.lane) << " checkpointed rows=" << rows_->rows()
              << " to=" << lane_directory;
  }
  net::Reply reply;
  reply.set_request_id(header.request_id());
  reply.set_code(net::OK);
  *reply.mutable_save_checkpoint() = saved_;
  return net::MakeMessage(reply);
}

}  // namespace caravan::ps
