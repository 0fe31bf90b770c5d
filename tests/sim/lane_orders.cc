#include "tests/sim/lane_orders.h"

#include <fmt/format.h>

#include <utility>

#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "net/request_client.h"

namespace caravan::sim {
namespace {

constexpr const char* kCheckpoints = "/run/checkpoints";
constexpr const char* kManifestName = "/MANIFEST";

std::vector<std::string> EndpointsOf(const net::Routing& routing) {
  return {routing.lane_endpoints().begin(), routing.lane_endpoints().end()};
}

}  // namespace

std::string CheckpointDirectory(uint64_t number) {
  return fmt::format("{}/{:06}", kCheckpoints, number);
}

std::map<uint64_t, conf::Manifest> ReadManifests(DiskOfProcess& disk) {
  std::map<uint64_t, conf::Manifest> manifests;
  const absl::StatusOr<std::vector<std::string>> names = disk.List(kCheckpoints);
  if (!names.ok()) return manifests;
  for (const std::string& name : *names) {
    const absl::StatusOr<std::string> content =
        disk.ReadFile(fmt::format("{}/{}{}", kCheckpoints, name, kManifestName));
    conf::Manifest manifest;
    if (!content.ok() || !manifest.ParseFromString(*content)) continue;
    manifests[manifest.checkpoint()] = std::move(manifest);
  }
  return manifests;
}

uint64_t NextCheckpoint(DiskOfProcess& disk) {
  const absl::StatusOr<std::vector<std::string>> names = disk.List(kCheckpoints);
  return names.ok() && !names->empty() ? std::stoull(names->back()) + 1 : 1;
}

LaneOrders::LaneOrders(const World& world, DiskOfProcess* disk, const std::string& address,
                       const net::Routing& routing, std::function<void()> answered)
    : world_(world),
      disk_(disk),
      client_(world.loop, world.network, address, EndpointsOf(routing),
              {.repeat_after = Millis{500},
               .give_up_after = Millis{600'000},
               .run_id = world.spec->run_id()},
              std::move(answered)) {
  client_.SetRun(world.spec->run_id(), routing.epoch());
}

void LaneOrders::Reroute(const net::Routing& routing) {
  client_.Reroute(EndpointsOf(routing), routing.epoch());
}

template <typename Order>
bool LaneOrders::IsAnswered(const std::optional<Asked<Order>>& asked) {
  if (!asked.has_value()) return false;
  for (const uint64_t ticket : asked->tickets) {
    if (!client_.IsAnswered(ticket)) return false;
  }
  return true;
}

template <typename Order>
void LaneOrders::Forget(std::optional<Asked<Order>>& asked) {
  if (!asked.has_value()) return;
  for (const uint64_t ticket : asked->tickets) client_.Forget(ticket);
  asked.reset();
}

absl::StatusOr<net::Reply> LaneOrders::Take(uint64_t ticket) {
  CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, client_.Await(ticket));
  CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
  return std::move(answer.reply);
}

void LaneOrders::Start(const scheduler::CountLedger& order) {
  Forget(ledger_);
  ledger_ = {.order = order, .tickets = {}, .status = {}};
  net::Header header;
  header.mutable_ledger_query()->set_epoch(order.epoch);
  for (size_t lane = 0; lane < client_.peers(); ++lane) {
    ledger_->tickets.push_back(client_.Start(lane, header, {}));
  }
}

void LaneOrders::Start(const scheduler::CollectMarks& order) {
  Forget(marks_);
  marks_ = {.order = order, .tickets = {}, .status = {}};
  net::Header header;
  header.mutable_block_marks_query();
  for (const uint32_t lane : order.lanes) {
    marks_->tickets.push_back(client_.Start(lane, header, {}));
  }
}

void LaneOrders::Start(const scheduler::WriteCheckpoint& order) {
  Forget(checkpoint_);
  const std::string directory = CheckpointDirectory(order.checkpoint);
  checkpoint_ = {.order = order, .tickets = {}, .status = disk_->CreateDirectories(directory)};
  if (!checkpoint_->status.ok()) return;
  net::Header header;
  header.mutable_save_checkpoint()->set_checkpoint(order.checkpoint);
  header.mutable_save_checkpoint()->set_directory(directory);
  for (size_t lane = 0; lane < client_.peers(); ++lane) {
    checkpoint_->tickets.push_back(client_.Start(lane, header, {}));
  }
}

void LaneOrders::Drop(const scheduler::DropCheckpoint& order) {
  if (!checkpoint_.has_value() || checkpoint_->order.checkpoint != order.checkpoint) return;
  disk_->RemoveTree(CheckpointDirectory(order.checkpoint)).IgnoreError();
  Forget(checkpoint_);
}

std::vector<scheduler::Event> LaneOrders::Poll() {
  std::vector<scheduler::Event> events;
  if (IsAnswered(ledger_)) events.push_back(EndLedger());
  if (IsAnswered(marks_)) events.push_back(EndMarks());
  if (IsAnswered(checkpoint_)) events.push_back(EndCheckpoint());
  return events;
}

scheduler::Event LaneOrders::EndLedger() {
  scheduler::LedgerCounted counted{.epoch = ledger_->order.epoch,
                                   .routing_epoch = ledger_->order.routing_epoch};
  counted.samples.resize(world_.shape->shards);
  for (const uint64_t ticket : ledger_->tickets) {
    const absl::StatusOr<net::Reply> reply = Take(ticket);
    counted.status.Update(reply.status());
    if (!reply.ok()) continue;
    for (int i = 0; i < reply->ledger().shards_size(); ++i) {
      counted.samples.at(reply->ledger().shards(i)) = reply->ledger().samples(i);
    }
  }
  ledger_.reset();
  return counted;
}

scheduler::Event LaneOrders::EndMarks() {
  scheduler::MarksCollected collected{.routing_epoch = marks_->order.routing_epoch};
  for (size_t i = 0; i < marks_->tickets.size(); ++i) {
    const absl::StatusOr<net::Reply> reply = Take(marks_->tickets[i]);
    collected.status.Update(reply.status());
    if (!reply.ok()) continue;
    const net::BlockMarksReply& marks = reply->block_marks();
    scheduler::LaneMarks& lane = collected.lanes.emplace_back();
    lane.lane = marks_->order.lanes[i];
    lane.epoch = marks.epoch();
    for (int b = 0; b < marks.blocks_size(); ++b) lane.marks[marks.blocks(b)] = marks.marks(b);
  }
  marks_.reset();
  return collected;
}

scheduler::Event LaneOrders::EndCheckpoint() {
  const uint64_t number = checkpoint_->order.checkpoint;
  absl::Status status = checkpoint_->status;
  if (status.ok()) status = Commit();
  if (!status.ok()) disk_->RemoveTree(CheckpointDirectory(number)).IgnoreError();
  checkpoint_.reset();
  return scheduler::CheckpointEnded{number, std::move(status)};
}

absl::Status LaneOrders::Commit() {
  const scheduler::WriteCheckpoint& order = checkpoint_->order;
  conf::Manifest manifest;
  manifest.set_checkpoint(order.checkpoint);
  manifest.set_run_id(world_.spec->run_id());
  manifest.set_model_fingerprint(conf::ModelFingerprint(world_.spec->model()));
  manifest.set_seed(world_.spec->job().training().seed());
  manifest.set_shards(world_.shape->shards);
  manifest.set_lanes(static_cast<uint32_t>(client_.peers()));
  manifest.mutable_queue()->set_epoch(order.queue.epoch);
  manifest.mutable_queue()->set_finished(order.queue.finished);
  manifest.mutable_queue()->mutable_done_blocks()->Add(order.queue.done_blocks.begin(),
                                                       order.queue.done_blocks.end());
  *manifest.mutable_block_plan() = world_.spec->block_plan();
  absl::Status status;
  for (size_t lane = 0; lane < checkpoint_->tickets.size(); ++lane) {
    const absl::StatusOr<net::Reply> reply = Take(checkpoint_->tickets[lane]);
    status.Update(reply.status());
    if (!reply.ok()) continue;
    manifest.add_lane_directories(fmt::format("lane-{:03}", lane));
    for (const net::CheckpointFile& file : reply->save_checkpoint().files()) {
      conf::ManifestFile& out = *manifest.add_files();
      out.set_path(file.path());
      out.set_bytes(file.bytes());
      out.set_checksum(file.checksum());
    }
  }
  CARAVAN_RETURN_IF_ERROR(status);
  return disk_->WriteFileAtomically(CheckpointDirectory(order.checkpoint) + kManifestName,
                                    manifest.SerializeAsString());
}

}  // namespace caravan::sim
