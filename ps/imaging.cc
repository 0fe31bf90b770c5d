#include "ps/imaging.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"
#include "ps/checkpoint_layout.h"
#include "storage/record_key.h"

namespace caravan::ps {
namespace {

std::string Below(const std::string& directory, std::string_view name) {
  return fmt::format("{}/{}", directory, name);
}

uint64_t BytesOf(std::span<const storage::ImagePart> parts) {
  uint64_t bytes = 0;
  for (const storage::ImagePart& part : parts) bytes += part.bytes;
  return bytes;
}

}  // namespace

Imaging::Imaging(const Parts& parts, std::string directory, uint64_t part_bytes, LaneState state)
    : parts_(parts),
      directory_(std::move(directory)),
      part_bytes_(part_bytes),
      state_(std::move(state)),
      next_image_(state_.next_image()),
      cold_job_(parts.cold),
      commit_job_(parts.writer) {}

void Imaging::Begin(uint64_t lsn, std::string checkpoint) {
  CHECK(!is_active()) << directory_;
  // Differences add up; once they hold more than the rows that there are, a whole image is less.
  const uint64_t whole_bytes = parts_.rows->image_bytes_max() + parts_.dense->resident_bytes();
  const bool is_whole = state_.parts.empty() || BytesOf(state_.parts) > 2 * whole_bytes;
  next_state_ = state_;
  next_state_.lsn = lsn;
  if (is_whole) next_state_.parts.clear();
  checkpoint_ = std::move(checkpoint);
  writer_ = std::make_unique<storage::ImageWriter>(
      storage::ImageWriter::Options{.file_system = parts_.file_system,
                                    .directory = Below(directory_, kImagesName),
                                    .identity = state_.identity(),
                                    .image = next_image_,
                                    .lsn = lsn,
                                    .part_bytes = part_bytes_,
                                    .side = parts_.writer,
                                    .buffers = &buffers_});
  stage_ = Stage::kSweep;
  next_chunk_ = 0;
  rows_swept_ = false;
  is_cold_linked_ = false;
  is_committed_ = false;
  parts_.rows->BeginImage(next_image_++, is_whole ? 0 : state_.lsn, lsn, writer_.get());
  storage::RecordBatch records;
  parts_.marks->Save(records);
  for (const ShardId shard : parts_.marks->shards()) {
    records.Put(storage::EncodeKey({.shard = shard, .kind = storage::RecordKind::kShard}),
                FormatShardRecord(parts_.rows->rows(shard)));
  }
  writer_->Put(records);
  cold_job_.Start([this] { return LinkCold(); });
}

bool Imaging::NeedsSlice() const {
  if (writer_ == nullptr) return false;
  const bool is_copying = stage_ == Stage::kSweep && !rows_swept_ && !writer_->is_behind();
  return is_copying || (cold_job_.is_started() && parts_.cold == nullptr) ||
         (commit_job_.is_started() && parts_.writer == nullptr);
}

double Imaging::progress() const { return is_swept() ? 1 : parts_.rows->SweptShare(); }

void Imaging::KeepChunks() {
  if (is_swept()) return;
  while (next_chunk_ < parts_.dense->chunks().size()) SaveChunk();
}

void Imaging::Sweep(uint64_t bytes) {
  writer_->KeepWriting();
  if (rows_swept_ || writer_->is_behind()) return;
  const uint64_t end = writer_->bytes() + bytes;
  while (next_chunk_ < parts_.dense->chunks().size() && writer_->bytes() < end) SaveChunk();
  if (writer_->bytes() >= end) return;
  rows_swept_ = parts_.rows->SweepImage(end - writer_->bytes());
  Pass(parts_.kill_points, KillPoint::kInFlush);
}

std::optional<Imaging::Result> Imaging::Work(uint64_t bytes) {
  if (writer_ == nullptr) return std::nullopt;
  if (stage_ == Stage::kSweep) {
    Sweep(bytes);
    if (!is_cold_linked_) {
      const std::optional<absl::Status> linked = cold_job_.TakeResult();
      if (linked.has_value() && !linked->ok()) return End(*linked);
      is_cold_linked_ = linked.has_value();
    }
    if (!writer_->status().ok() && is_cold_linked_) return End(writer_->status());
    if (!rows_swept_ || !is_cold_linked_) return std::nullopt;
    // What changes or leaves from here on is not the image's any more.
    parts_.rows->EndImage();
    stage_ = Stage::kWrite;
  }
  if (stage_ == Stage::kWrite) {
    if (!writer_->IsWritten()) return std::nullopt;
    stage_ = Stage::kCommit;
    commit_job_.Start([this] { return CommitImage(); });
  }
  const std::optional<absl::Status> committed = commit_job_.TakeResult();
  return committed.has_value() ? std::optional(End(*committed)) : std::nullopt;
}

Imaging::Result Imaging::Complete() {
  while (true) {
    if (std::optional<Result> result = Work(part_bytes_)) return *std::move(result);
    if (NeedsSlice()) continue;
    if (stage_ == Stage::kWrite || writer_->is_behind()) {
      writer_->AwaitWritten();
    } else if (cold_job_.is_started()) {
      cold_job_.Wait();
    } else if (commit_job_.is_started()) {
      commit_job_.Wait();
    }
  }
}

Imaging::Result Imaging::End(absl::Status status) {
  Result result{.status = std::move(status),
                .lsn = next_state_.lsn,
                .is_committed = is_committed_,
                .checkpoint = checkpoint_};
  parts_.rows->EndImage();
  if (is_committed_) {
    state_ = std::move(next_state_);
    state_.parts.insert(state_.parts.end(), writer_->parts().begin(), writer_->parts().end());
  } else {
    writer_->Discard();
  }
  if (!checkpoint_.empty() && !result.status.ok()) {
    // The first error is the one to tell.
    parts_.file_system->RemoveTree(checkpoint_).IgnoreError();
  }
  writer_.reset();
  return result;
}

// ---- beside the lane's thread ----

absl::Status Imaging::LinkCold() const {
  if (checkpoint_.empty()) return parts_.rows->records().Flush();
  // What an attempt that failed has left.
  CARAVAN_RETURN_IF_ERROR(parts_.file_system->RemoveTree(checkpoint_));
  CARAVAN_RETURN_IF_ERROR(parts_.file_system->CreateDirectories(Below(checkpoint_, kImagesName)));
  CARAVAN_RETURN_IF_ERROR(parts_.rows->records().Flush());
  return parts_.rows->records().LinkTo(Below(checkpoint_, kColdName));
}

absl::Status Imaging::CommitImage() {
  CARAVAN_RETURN_IF_ERROR(writer_->Finish(parts_.is_synced));
  LaneState state = next_state_;
  state.parts.insert(state.parts.end(), writer_->parts().begin(), writer_->parts().end());
  CARAVAN_RETURN_IF_ERROR(parts_.file_system->WriteFileAtomically(Below(directory_, kStateName),
                                                                  FormatLaneState(state)));
  is_committed_ = true;
  if (!checkpoint_.empty()) CARAVAN_RETURN_IF_ERROR(LinkCheckpoint(state));
  RemoveOldParts(state);
  return absl::OkStatus();
}

absl::Status Imaging::LinkCheckpoint(const LaneState& state) const {
  storage::FileSystem& files = *parts_.file_system;
  for (const storage::ImagePart& part : state.parts) {
    const std::string name = fmt::format("{}/{}", kImagesName, ImagePartName(part));
    CARAVAN_RETURN_IF_ERROR(files.HardLink(Below(directory_, name), Below(checkpoint_, name)));
    Pass(parts_.kill_points, KillPoint::kInCheckpoint);
  }
  return files.WriteFileAtomically(Below(checkpoint_, kStateName), FormatLaneState(state));
}

// They are of no image that counts. What can't be removed costs room, and is tried again.
void Imaging::RemoveOldParts(const LaneState& state) const {
  std::set<std::string> wanted;
  for (const storage::ImagePart& part : state.parts) wanted.insert(ImagePartName(part));
  const std::string directory = Below(directory_, kImagesName);
  const absl::StatusOr<std::vector<std::string>> names = parts_.file_system->List(directory);
  absl::Status status = names.status();
  for (size_t i = 0; status.ok() && i < names->size(); ++i) {
    const std::string& name = (*names)[i];
    if (!wanted.contains(name)) status = parts_.file_system->Remove(Below(directory, name));
  }
  if (!status.ok()) LOG(WARNING) << "an old image stays: " << std::string(status.message());
}

}  // namespace caravan::ps
