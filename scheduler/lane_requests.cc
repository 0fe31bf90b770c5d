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
#include "scheduler/retention.h"

namespace caravan::scheduler {
namespace {

// Writing a lane's rows to disk takes a while; a lane knows a repeated request by its number.
constexpr Millis kRepeatAfter{30000};
constexpr Millis kGiveUpAfter{600000};

}  // namespace

LaneRequests::LaneRequests(Options options, std::unique_ptr<net::RequestClient> client)
    : options_(std::move(options)), client_(std::move(client)) {}

absl::StatusOr<std::unique_ptr<LaneRequests>> LaneRequests::Connect(net::Context& context,
                                                                    const net::Routing& routing,
                                                                    Options options) {
  CARAVAN_ASSIGN_OR_RETURN(
      std::unique_ptr<net::RequestClient> client,
      net::RequestClient::Connect(
          context, {routing.lane_endpoints().begin(), routing.lane_endpoints().end()},
          {.repeat_after = kRepeatAfter,
           .give_up_after =
               std::max(kGiveUpAfter, Millis{options.spec.job().cluster().away_max_ms()}),
           .run_id = options.spec.run_id(),
           .sender = 0}));
  client->SetRun(options.spec.run_id(), routing.epoch());
  return std::unique_ptr<LaneRequests>(new LaneRequests(std::move(options), std::move(client)));
}

void LaneRequests::Reroute(const net::Routing& routing) {
  client_->Reroute({routing.lane_endpoints().begin(), routing.lane_endpoints().end()},
                   routing.epoch());
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

void LaneRequests::DropCheckpoint(uint64_t checkpoint) {
  if (!checkpoint_.has_value() || checkpoint_->order.checkpoint != checkpoint) return;
  ForgetAll(checkpoint_->tickets);
  RemoveUnfinished(checkpoint_->directory);
  LOG(WARNING) << "checkpoint=" << checkpoint_->directory << " is given up: a server was lost";
  checkpoint_.reset();
}

void LaneRequests::StartLedger(const CountLedger& order) {
  if (ledger_.has_value()) ForgetAll(ledger_->tickets);
  ledger_ = Ledger{.order = order, .tickets = {}};
  net::Header header;
  header.mutable_ledger_query()->set_epoch(order.epoch);
  for (size_t lane = 0; lane < client_->peers(); ++lane) {
    ledger_->tickets.push_back(client_->Start(lane, header, {}));
  }
}

void LaneRequests::StartMarks(const scheduler::CollectMarks& order) {
  if (marks_.has_value()) ForgetAll(marks_->tickets);
  marks_ = Marks{.order = order, .tickets = {}};
  net::Header header;
  header.mutable_block_marks_query();
  for (const uint32_t lane : order.lanes) {
    marks_->tickets.push_back(client_->Start(lane, header, {}));
  }
}

std::vector<Event> LaneRequests::Poll(Millis now) {
  std::vector<Event> events;
  if (checkpoint_.has_value() && AllAnswered(checkpoint_->tickets)) {
    events.push_back(EndCheckpoint(now));
  }
  if (ledger_.has_value() && AllAnswered(ledger_->tickets)) {
    LedgerCounted counted{.epoch = ledger_->order.epoch,
                          .routing_epoch = ledger_->order.routing_epoch};
    counted.status = CollectLedger(counted.samples);
    events.push_back(std::move(counted));
    ledger_.reset();
  }
  if (marks_.has_value() && AllAnswered(marks_->tickets)) {
    MarksCollected collected{.routing_epoch = marks_->order.routing_epoch};
    collected.status = CollectMarks(collected.lanes);
    events.push_back(std::move(collected));
    marks_.reset();
  }
  return events;
}

Event LaneRequests::EndCheckpoint(Millis now) {
  absl::Status status = checkpoint_->status.ok() ? CloseCheckpoint() : checkpoint_->status;
  if (status.ok()) {
    written_ = {.number = checkpoint_->order.checkpoint,
                .directory = checkpoint_->directory,
                .seconds = static_cast<double>((now - checkpoint_->begun).count()) / 1000};
    const absl::StatusOr<std::vector<std::string>> removed =
        PruneCheckpoints(options_.checkpoints_directory, options_.spec.job().checkpoint());
    if (!removed.ok()) LOG(WARNING) << "old checkpoints are not removed: " << removed.status();
  } else {
    RemoveUnfinished(checkpoint_->directory);
  }
  CheckpointEnded ended{checkpoint_->order.checkpoint, std::move(status)};
  checkpoint_.reset();
  return ended;
}

// Without a MANIFEST it does not exist; what lanes wrote only takes room.
void LaneRequests::RemoveUnfinished(const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) LOG(WARNING) << "cannot remove " << directory << ": " << error.message();
}

void LaneRequests::ForgetAll(const std::vector<uint64_t>& tickets) {
  for (const uint64_t ticket : tickets) client_->Forget(ticket);
}

absl::StatusOr<net::Answer> LaneRequests::Take(uint32_t lane, uint64_t ticket) {
  absl::StatusOr<net::Answer> answer = client_->Await(ticket);
  if (!answer.ok()) client_->Forget(ticket);
  const absl::Status status = answer.ok() ? net::ReplyStatus(answer->reply) : answer.status();
  if (status.ok()) return answer;
  return absl::Status(status.code(),
                      fmt::format("lane {}: {}", lane, std::string(status.message())));
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
  if (queue.ended_epoch) manifest.mutable_queue()->set_ended_epoch(*queue.ended_epoch);
  if (queue.validation.has_last_epoch()) {
    *manifest.mutable_queue()->mutable_validation() = queue.validation;
  }
  *manifest.mutable_block_plan() = options_.spec.block_plan();
  manifest.set_written_at(absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone()));
  return manifest;
}

// Every lane's answer is taken, also when one has failed, so that none is left over.
absl::Status LaneRequests::CloseCheckpoint() {
  conf::Manifest manifest = MakeManifest();
  absl::Status first_error;
  for (uint32_t lane = 0; lane < checkpoint_->tickets.size(); ++lane) {
    const absl::StatusOr<net::Answer> answer = Take(lane, checkpoint_->tickets[lane]);
    if (!answer.ok()) {
      first_error.Update(answer.status());
      continue;
    }
    net::AddLane(fmt::format("lane-{:03}", lane), answer->reply.save_checkpoint(), manifest);
  }
  CARAVAN_RETURN_IF_ERROR(first_error);
  Pass(options_.kill_points, KillPoint::kBeforeManifestRename);
  CARAVAN_RETURN_IF_ERROR(net::WriteManifest(checkpoint_->directory, std::move(manifest)));
  Pass(options_.kill_points, KillPoint::kAfterManifestRename);
  return absl::OkStatus();
}

absl::Status LaneRequests::CollectLedger(std::vector<uint64_t>& samples) {
  const uint32_t shards = options_.spec.job().cluster().shards();
  samples.assign(shards, 0);
  std::vector<bool> told(shards);
  absl::Status first_error;
  for (uint32_t lane = 0; lane < ledger_->tickets.size(); ++lane) {
    const absl::StatusOr<net::Answer> answer = Take(lane, ledger_->tickets[lane]);
    if (!answer.ok()) {
      first_error.Update(answer.status());
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

absl::Status LaneRequests::CollectMarks(std::vector<LaneMarks>& lanes) {
  absl::Status first_error;
  for (size_t i = 0; i < marks_->tickets.size(); ++i) {
    const uint32_t lane = marks_->order.lanes[i];
    const absl::StatusOr<net::Answer> answer = Take(lane, marks_->tickets[i]);
    if (!answer.ok()) {
      first_error.Update(answer.status());
      continue;
    }
    const net::BlockMarksReply& reply = answer->reply.block_marks();
    LaneMarks& marks = lanes.emplace_back(LaneMarks{.lane = lane, .epoch = reply.epoch()});
    for (int block = 0; block < std::min(reply.blocks_size(), reply.marks_size()); ++block) {
      marks.marks[reply.blocks(block)] = reply.marks(block);
    }
  }
  return first_error;
}

}  // namespace caravan::scheduler
