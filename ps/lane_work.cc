// Lane: what it does between requests. Checkpoints, the log's length, answers that wait for a sync.
#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"
#include "ps/checkpoint_layout.h"
#include "ps/lane.h"

namespace caravan::ps {
namespace {

namespace fs = std::filesystem;

// Of copying between two requests: a few tenths of a millisecond.
constexpr uint64_t kSliceBytes = 256 << 10;
constexpr size_t kWaitersMax = 16;
// The log may grow to so many of its budgets while an image is written, then pushes wait for it.
constexpr uint64_t kLogBudgets = 4;
constexpr double kPace = 2;  // copied by the time that half of that room is used
constexpr int kPushSlicesMax = 16;

}  // namespace

bool Lane::HasWork() const {
  const bool is_asked = !saving_directory_.empty() && !is_saving_ && !imaging_->is_active();
  const bool is_saved = checkpoint_files_->is_active() && options_.side == nullptr;
  return !held_.empty() || !late_answers_.empty() || is_asked || is_saved || imaging_->NeedsSlice();
}

std::vector<Lane::LateAnswer> Lane::Work() {
  ReleaseHeld();
  if (std::optional<Imaging::Result> result = imaging_->Work(kSliceBytes)) FinishImage(*result);
  if (const std::optional<CheckpointFiles::Result> saved = checkpoint_files_->TakeResult()) {
    FinishSaving(saved->status, saved->files);
  }
  if (!imaging_->is_active() && !saving_directory_.empty() && !is_saving_) {
    BeginImage(fmt::format("{}/{}", saving_directory_, LaneDirectory(options_.lane)));
  }
  return std::exchange(late_answers_, {});
}

void Lane::ReleaseHeld() {
  if (log_ == nullptr || !failure_.ok()) return;
  if (!held_.empty()) log_->Sync().IgnoreError();  // the log keeps it
  failure_ = log_->failure();
  if (!failure_.ok()) {
    // Whether the disk has it is not known any more: only a lane that reads its disk can say.
    LOG(ERROR) << "lane=" << Index(options_.lane) << " ends: " << std::string(failure_.message());
    held_.clear();
    return;
  }
  std::ranges::move(held_, std::back_inserter(late_answers_));
  held_.clear();
}

// ---- images ----

void Lane::BeginImage(std::string checkpoint) {
  if (!checkpoint.empty()) {
    is_saving_ = true;
    saved_rows_ = rows_->rows();
  }
  image_log_bytes_ = std::exchange(log_bytes_, 0);
  imaging_->Begin(lsn_, std::move(checkpoint));
}

void Lane::FinishImage(const Imaging::Result& result) {
  if (result.is_committed) {
    if (log_ != nullptr) log_->DropThrough(result.lsn);
    log_bytes_retry_ = 0;
  } else {
    log_bytes_ += image_log_bytes_;
    log_bytes_retry_ = log_bytes_ + LogOptions().segment_bytes;
    LOG(WARNING) << "lane=" << Index(options_.lane)
                 << " has no image: " << std::string(result.status.message());
  }
  if (result.checkpoint.empty()) return;
  if (!result.status.ok()) return FinishSaving(result.status, {});
  saved_lsn_ = result.lsn;
  checkpoint_files_->Begin(result.checkpoint);
}

void Lane::FinishSaving(const absl::Status& status, std::span<const CheckpointFiles::File> files) {
  is_saving_ = false;
  saved_directory_.clear();
  if (status.ok()) {
    saved_ = {};
    for (const CheckpointFiles::File& file : files) {
      net::CheckpointFile& entry = *saved_.add_files();
      entry.set_path(fmt::format("{}/{}", LaneDirectory(options_.lane), file.path));
      entry.set_bytes(file.digest.bytes);
      entry.set_checksum(file.digest.checksum);
    }
    saved_.set_rows(saved_rows_);
    saved_directory_ = saving_directory_;
    LOG(INFO) << "lane=" << Index(options_.lane) << " checkpointed lsn=" << saved_lsn_
              << " to=" << saved_directory_;
  }
  for (const Waiter& waiter : waiters_) {
    late_answers_.push_back({.ticket = waiter.ticket,
                             .message = status.ok() ? MakeSaved(waiter.request_id)
                                                    : Refuse(waiter.request_id, status)});
  }
  waiters_.clear();
  saving_directory_.clear();
}

// The log is as long as what was pushed since the last image: beyond its budget another is due. A
// push helps along an image that falls behind the log, so that none has to wait for its rest.
void Lane::BoundLog() {
  if (log_ == nullptr) return;
  const uint64_t budget = uint64_t{spec_.job().server().log_mebibytes()} << 20;
  if (!imaging_->is_active() && log_bytes_ > std::max(budget, log_bytes_retry_)) BeginImage("");
  if (!imaging_->is_active()) return;
  const double room_used =
      static_cast<double>(log_bytes_) / static_cast<double>(kLogBudgets * budget);
  for (int i = 0; i < kPushSlicesMax && imaging_->progress() < kPace * room_used; ++i) {
    if (std::optional<Imaging::Result> result = imaging_->Work(kSliceBytes)) {
      return FinishImage(*result);
    }
  }
  if (log_bytes_ > kLogBudgets * budget) FinishImage(imaging_->Complete());
}

// ---- checkpoints ----

// A directory that a peer names: absolute, there, of this run, and not yet a complete checkpoint.
absl::Status Lane::CheckCheckpointDirectory(const std::string& directory) const {
  const fs::path path = fs::path(directory).lexically_normal();
  if (!path.is_absolute() || !options_.file_system->IsDirectory(directory)) {
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
  if (options_.file_system->Exists(directory + "/MANIFEST")) {
    return absl::InvalidArgumentError(
        fmt::format("{} is a complete checkpoint; it is never written again", directory));
  }
  return absl::OkStatus();
}

net::Message Lane::MakeSaved(uint64_t request_id) const {
  net::Reply reply;
  reply.set_request_id(request_id);
  reply.set_code(net::OK);
  *reply.mutable_save_checkpoint() = saved_;
  return net::MakeMessage(reply);
}

std::optional<net::Message> Lane::HandleSaveCheckpoint(const net::Header& header, uint64_t ticket) {
  const std::string& directory = header.save_checkpoint().directory();
  const uint64_t id = header.request_id();
  const std::string lane_directory = fmt::format("{}/{}", directory, LaneDirectory(options_.lane));
  // A checkpoint that another lane could not write is taken away by the scheduler and tried again.
  if (saved_directory_ == directory && options_.file_system->Exists(lane_directory)) {
    return MakeSaved(id);
  }
  if (!saving_directory_.empty() && saving_directory_ != directory) {
    return net::MakeError(id, net::NOT_READY,
                          fmt::format("the checkpoint {} is being written", saving_directory_));
  }
  if (saving_directory_.empty()) {
    if (absl::Status status = CheckCheckpointDirectory(directory); !status.ok()) {
      return Refuse(id, status);
    }
    saving_directory_ = directory;
    if (!imaging_->is_active()) BeginImage(lane_directory);
  }
  if (waiters_.size() == kWaitersMax) {
    return net::MakeError(id, net::NOT_READY, "the checkpoint is being written");
  }
  waiters_.push_back({.ticket = ticket, .request_id = id});
  return std::nullopt;
}

}  // namespace caravan::ps
