#include "scheduler/lane_requests.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "glog/logging.h"
#include "net/manifest_file.h"

namespace caravan::scheduler {
namespace {

// Writing a lane's rows to disk takes a while; a lane knows a repeated request by its number.
constexpr Millis kRepeatAfter{30000};
constexpr Millis kGiveUpAfter{600000};

}  // namespace

LaneRequests::LaneRequests(Options options, std::unique_ptr<net::RequestClient> client)
    : options_(std::move(options)), client_(std::move(client)) {}

absl::StatusOr<std::unique_ptr<LaneRequests>> LaneRequests::Connect(
    net::Context& context, const std::vector<std::string>& lane_endpoints, Options options) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<net::RequestClient> client,
                           net::RequestClient::Connect(context, lane_endpoints,
                                                       {.repeat_after = kRepeatAfter,
                                                        .give_up_after = kGiveUpAfter,
                                                        .run_id = options.spec.run_id(),
                                                        .sender = 0}));
  client->SetRun(options.spec.run_id(), 1);
  return std::unique_ptr<LaneRequests>(new LaneRequests(std::move(options), std::move(client)));
}

void LaneRequests::StartCheckpoint(const WriteCheckpoint& order, Millis now) {
  checkpoint_ = Checkpoint{
      .order = order,
      .directory = net::CheckpointDirectory(options_.checkpoints_directory, order.checkpoint),
      .begun = now,
      .status = absl::OkStatus(),
      .tickets = {}};
  checkpoint_->status = CreateDirectories(checkpoint_->directory);
  if (!checkpoint_->status.ok()) return;
  net::Header header;
  header.mutable_save_checkpoint()->set_checkpoint(order.checkpoint);
  header.mutable_save_checkpoint()->set_directory(checkpoint_->directory);
  for (size_t lane = 0; lane < client_->peers(); ++lane) {
    checkpoint_->tickets.push_back(client_->Start(lane, header, {}));
  }
}

void LaneRequests::StartLedger(uint32_t epoch) {
  ledger_ = Ledger{.epoch = epoch, .tickets = {}};
  net::Header header;
  header.mutable_ledger_query()->set_epoch(epoch);
  for (size_t lane = 0; lane < client_->peers(); ++lane) {
    ledger_->tickets.push_back(client_->Start(lane, header, {}));
  }
}

std::vector<Event> LaneRequests::Poll(Millis now) {
  std::vector<Event> events;
  if (checkpoint_.has_value() && AllAnswered(checkpoint_->tickets)) {
    const absl::Status status = checkpoint_->status.ok() ? CloseCheckpoint() : checkpoint_->status;
    if (status.ok()) {
      written_ = {.number = checkpoint_->order.checkpoint,
                  .directory = checkpoint_->directory,
                  .seconds = static_cast<double>((now - checkpoint_->begun).count()) / 1000};
      RemoveOldCheckpoints();
    } else {
      // Without a MANIFEST it does not exist; what lanes wrote only takes room.
      std::error_code error;
      std::filesystem::remove_all(checkpoint_->directory, error);
      if (error)
        LOG(WARNING) << "cannot remove " << checkpoint_->directory << ": " << error.message();
    }
    events.push_back(CheckpointEnded{checkpoint_->order.checkpoint, status});
    checkpoint_.reset();
  }
  if (ledger_.has_value() && AllAnswered(ledger_->tickets)) {
    LedgerCounted counted{.epoch = ledger_->epoch, .status = absl::OkStatus(), .samples = {}};
    counted.status = CollectLedger(counted.samples);
    events.push_back(std::move(counted));
    ledger_.reset();
  }
  return events;
}

bool LaneRequests::AllAnswered(const std::vector<uint64_t>& tickets) {
  for (const uint64_t ticket : tickets) {
    if (!client_->IsAnswered(ticket)) return false;
  }
  return true;
}

conf::Manifest LaneRequests::MakeManifest() const {
  const QueueSnapshot& queue = checkpoint_->order.queue;
  conf::Manifest manifest;
  manifest.set_checkpoint(checkpoint_->order.checkpoint);
  manifest.set_run_id(options_.spec.run_id());
  manifest.set_job_fingerprint(options_.job_fingerprint);
  manifest.set_model_fingerprint(options_.model_fingerprint);
  manifest.set_seed(options_.spec.job().training().seed());
  manifest.set_shards(options_.spec.job().cluster().shards());
  manifest.set_lanes(static_cast<uint32_t>(client_->peers()));
  manifest.mutable_queue()->set_epoch(queue.epoch);
  manifest.mutable_queue()->set_finished(queue.finished);
  manifest.mutable_queue()->mutable_done_blocks()->Add(queue.done_blocks.begin(),
                                                       queue.done_blocks.end());
  *manifest.mutable_block_plan() = options_.spec.block_plan();
  manifest.set_written_at(absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone()));
  return manifest;
}

// Every lane's answer is taken, also when one has failed, so that none is left over.
absl::Status LaneRequests::CloseCheckpoint() {
  conf::Manifest manifest = MakeManifest();
  absl::Status first_error;
  for (size_t lane = 0; lane < checkpoint_->tickets.size(); ++lane) {
    const absl::StatusOr<net::Answer> answer = client_->Await(checkpoint_->tickets[lane]);
    if (!answer.ok()) client_->Forget(checkpoint_->tickets[lane]);
    const absl::Status status = answer.ok() ? net::ReplyStatus(answer->reply) : answer.status();
    if (!status.ok()) {
      first_error.Update(absl::Status(
          status.code(), fmt::format("lane {}: {}", lane, std::string(status.message()))));
      continue;
    }
    manifest.add_lane_directories(fmt::format("lane-{:03}", lane));
    for (const net::CheckpointFile& file : answer->reply.save_checkpoint().files()) {
      conf::ManifestFile& out = *manifest.add_files();
      out.set_path(file.path());
      out.set_bytes(file.bytes());
      out.set_checksum(file.checksum());
    }
  }
  CARAVAN_RETURN_IF_ERROR(first_error);
  return net::WriteManifest(checkpoint_->directory, std::move(manifest));
}

absl::Status LaneRequests::CollectLedger(std::vector<uint64_t>& samples) {
  const uint32_t shards = options_.spec.job().cluster().shards();
  samples.assign(shards, 0);
  std::vector<bool> told(shards);
  absl::Status first_error;
  for (size_t lane = 0; lane < ledger_->tickets.size(); ++lane) {
    const absl::StatusOr<net::Answer> answer = client_->Await(ledger_->tickets[lane]);
    if (!answer.ok()) client_->Forget(ledger_->tickets[lane]);
    const absl::Status status = answer.ok() ? net::ReplyStatus(answer->reply) : answer.status();
    if (!status.ok()) {
      first_error.Update(absl::Status(
          status.code(), fmt::format("lane {}: {}", lane, std::string(status.message()))));
      continue;
    }
    const net::LedgerReply& ledger = answer->reply.ledger();
    for (int i = 0; i < std::min(ledger.shards_size(), ledger.samples_size()); ++i) {
      if (ledger.shards(i) >= shards || told[ledger.shards(i)]) {
        first_error.Update(absl::DataLossError(
            fmt::format("lane {} tells of shard {}, which is not its", lane, ledger.shards(i))));
        continue;
      }
      told[ledger.shards(i)] = true;
      samples[ledger.shards(i)] = ledger.samples(i);
    }
  }
  CARAVAN_RETURN_IF_ERROR(first_error);
  for (uint32_t shard = 0; shard < shards; ++shard) {
    if (!told[shard]) return absl::DataLossError(fmt::format("no lane tells of shard {}", shard));
  }
  return absl::OkStatus();
}

// Keeps the newest complete ones. The
// MANIFEST goes first: a checkpoint that is half removed does not exist.
void LaneRequests::RemoveOldCheckpoints() {
  const absl::StatusOr<std::vector<uint64_t>> numbers =
      net::ListCheckpoints(options_.checkpoints_directory);
  if (!numbers.ok()) {
    LOG(WARNING) << "old checkpoints are not removed: " << numbers.status();
    return;
  }
  const size_t keep = options_.spec.job().checkpoint().keep();
  for (size_t i = 0; i + keep < numbers->size(); ++i) {
    const std::filesystem::path directory =
        net::CheckpointDirectory(options_.checkpoints_directory, (*numbers)[i]);
    std::error_code error;
    std::filesystem::remove(directory / "MANIFEST", error);
    if (!error) std::filesystem::remove_all(directory, error);
    if (error) {
      LOG(WARNING) << "checkpoint " << directory << " is not removed: " << error.message();
    }
  }
}

}  // namespace caravan::scheduler
