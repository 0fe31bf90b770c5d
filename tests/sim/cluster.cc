#include "tests/sim/cluster.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "tests/sim/lane_orders.h"

namespace caravan::sim {
namespace {

// Whether a run ended as it may: its last checkpoint did not fit on the disk, and it says so in the
// disk's own words.
bool IsForWantOfRoom(const absl::Status& ended) {
  const std::string text(ended.message());
  return text.find("the last checkpoint failed") != std::string::npos &&
         text.find("disk is full") != std::string::npos;
}

}  // namespace

Cluster::Cluster(const World& world, Judge* judge, RandomStream random)
    : world_(world),
      judge_(judge),
      random_(random),
      servers_(world.shape->servers),
      workers_(world.shape->workers) {}

Millis Cluster::Within(Millis most) {
  return Millis{random_.NextBelow(static_cast<uint64_t>(most.count()) + 1)};
}

void Cluster::Start() {
  StartScheduler();
  for (uint32_t i = 0; i < servers_.size(); ++i) StartServer(i);
  for (uint32_t i = 0; i < workers_.size(); ++i) StartWorker(i);
}

void Cluster::StartWorker(uint32_t i) {
  workers_[i] =
      Worker::Start(world_, fmt::format("worker-{}", i), RandomStream(random_.NextBits()));
}

void Cluster::StartServer(uint32_t i) {
  servers_[i] = Server::Start(world_, i, RandomStream(random_.NextBits()), &judge_->watches());
}

void Cluster::StartScheduler() {
  scheduler_ = Scheduler::Start(world_, RandomStream(random_.NextBits()), &journal_,
                                [this](uint64_t number) { Committed(number); });
}

void Cluster::Committed(uint64_t number) {
  ++mishaps_.checkpoints;
  world_.trace->Line("checkpoint {} is committed", number);
  DiskOfProcess disk(world_.disk);
  const std::map<uint64_t, conf::Manifest> manifests = ReadManifests(disk);
  if (!manifests.contains(number)) return;
  const auto other_lanes = 1 + static_cast<uint32_t>(random_.NextBelow(world_.shape->shards));
  const bool and_back = random_.NextBelow(4) == 0;
  failure_.Update(judge_->CheckCheckpoint(*world_.disk, CheckpointDirectory(number),
                                          manifests.at(number), other_lanes, and_back));
}

const absl::Status* Cluster::ended() const {
  return scheduler_ == nullptr ? nullptr : scheduler_->ended();
}

void Cluster::Watch() {
  if (scheduler_ != nullptr && scheduler_->is_dead()) KillScheduler(Within(Millis{1500}));
  for (uint32_t i = 0; i < workers_.size(); ++i) WatchWorker(i);
  for (uint32_t i = 0; i < servers_.size(); ++i) WatchServer(i);
  const absl::Status* const run = ended();
  if (run == nullptr || run->ok() || !IsForWantOfRoom(*run)) return;
  world_.trace->Line("the run ended: {}", run->ToString());
  world_.disk->SetRoom(Disk::Room::kEnough);
  KillAll();
  Resume();
}

void Cluster::WatchWorker(uint32_t i) {
  if (workers_[i] == nullptr || workers_[i]->left() == nullptr) return;
  const absl::Status left = *workers_[i]->left();
  if (left.ok()) return;
  if (!absl::IsDeadlineExceeded(left) && !absl::IsPermissionDenied(left)) {
    failure_.Update(
        absl::Status(left.code(), fmt::format("worker {}: {}", i, std::string(left.message()))));
  }
  KillWorker(i, Millis{500});
}

void Cluster::WatchServer(uint32_t i) {
  if (servers_[i] == nullptr) return;
  failure_.Update(servers_[i]->broken_promise());
  if (servers_[i]->left() == nullptr || servers_[i]->left()->ok()) return;
  const absl::Status left = *servers_[i]->left();
  if (absl::IsInvalidArgument(left) || absl::IsInternal(left) || absl::IsDataLoss(left)) {
    failure_.Update(
        absl::Status(left.code(), fmt::format("server {}: {}", i, std::string(left.message()))));
  }
  KillServer(i, Within(Millis{1000}));
}

void Cluster::KillWorker(uint32_t i, Millis away) {
  world_.trace->Line("worker-{} is dead for {} ms", i, away.count());
  ++mishaps_.workers_killed;
  workers_[i].reset();
  world_.loop->After(away, [this, i] {
    if (workers_[i] == nullptr) StartWorker(i);
  });
}

void Cluster::KillServer(uint32_t i, Millis away) {
  world_.trace->Line("server-{} is dead for {} ms", i, away.count());
  ++mishaps_.servers_killed;
  servers_[i].reset();
  world_.loop->After(away, [this, i] {
    if (servers_[i] == nullptr) StartServer(i);
  });
}

void Cluster::KillScheduler(Millis away) {
  world_.trace->Line("the scheduler is dead for {} ms", away.count());
  ++mishaps_.schedulers_killed;
  scheduler_.reset();
  world_.loop->After(away, [this] {
    if (scheduler_ == nullptr) StartScheduler();
  });
}

void Cluster::KillAll() {
  for (uint32_t i = 0; i < servers_.size(); ++i) {
    if (servers_[i] != nullptr) KillServer(i, Within(Millis{1000}));
  }
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i] != nullptr) KillWorker(i, Within(Millis{1000}));
  }
  if (scheduler_ != nullptr) KillScheduler(Within(Millis{1000}));
}

void Cluster::Resume() {
  world_.trace->Line("the run is resumed");
  ++mishaps_.resumptions;
  journal_.clear();
}

void Cluster::LosePower() {
  world_.trace->Line("the machine loses power");
  ++mishaps_.power_losses;
  KillAll();
  world_.disk->LosePower();
  if (random_.NextBelow(2) == 0) return Resume();
  // Whoever starts them again has the journal, but for its whole record only as far as it was
  // synced.
  const bool is_synced = world_.spec->job().cluster().durability() == conf::POWER_LOSS;
  if (!is_synced && !journal_.empty()) journal_.resize(1 + random_.NextBelow(journal_.size()));
}

std::vector<ps::Lane*> Cluster::lanes() {
  std::vector<ps::Lane*> lanes(judge_->watches().size());
  for (const auto& server : servers_) {
    if (server == nullptr) continue;
    for (const auto& [number, lane] : server->lanes()) lanes[number] = lane;
  }
  return lanes;
}

std::string Cluster::WhoWaitsForWhom() const {
  std::string text =
      fmt::format("scheduler: {}\n", scheduler_ == nullptr ? "dead" : scheduler_->WaitsFor());
  const auto add = [&text](const char* what, const auto& processes) {
    for (size_t i = 0; i < processes.size(); ++i) {
      text += fmt::format("{}-{}: {}\n", what, i,
                          processes[i] == nullptr ? "dead" : processes[i]->WaitsFor());
    }
  };
  add("server", servers_);
  add("worker", workers_);
  return text;
}

}  // namespace caravan::sim
