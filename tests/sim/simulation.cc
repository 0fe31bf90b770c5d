#include "tests/sim/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/sim/judge.h"
#include "tests/sim/lane_orders.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/server.h"
#include "tests/sim/worker.h"

namespace caravan::sim {
namespace {

// Faults end after this; then the run must end by itself before the other.
constexpr Millis kFaultsEnd{20'000};
constexpr Millis kMustEnd{400'000};

Shape DrawShape(RandomStream& random, uint64_t seed) {
  const auto between = [&random](uint64_t low, uint64_t high) {
    return static_cast<uint32_t>(low + random.NextBelow(high - low + 1));
  };
  return {.seed = seed,
          .servers = between(1, 3),
          .lanes = between(1, 2),
          .workers = between(1, 4),
          .shards = between(6, 8),
          .epochs = between(1, 2),
          .blocks = between(2, 6),
          .block_batches = between(2, 4),
          .gradients_of_weights = random.NextBelow(2) == 0};
}

conf::RunSpec DrawSpec(RandomStream& random, const Shape& shape) {
  conf::RunSpec spec = MakeRunSpec(shape);
  conf::Job& job = *spec.mutable_job();
  constexpr conf::Consistency kConsistencies[] = {conf::ASYNC, conf::ASYNC, conf::BOUNDED,
                                                  conf::SYNC};
  job.mutable_training()->set_consistency(kConsistencies[random.NextBelow(4)]);
  job.mutable_training()->set_staleness_bound(1 + static_cast<uint32_t>(random.NextBelow(3)));
  if (random.NextBelow(2) == 0) job.mutable_training()->mutable_optimizer()->mutable_adagrad();
  constexpr conf::Durability kDurabilities[] = {conf::PROCESS, conf::POWER_LOSS, conf::CHECKPOINT};
  job.mutable_cluster()->set_durability(kDurabilities[random.NextBelow(3)]);
  job.mutable_cluster()->set_away_max_ms(600'000);
  job.mutable_checkpoint()->set_every_epochs(static_cast<uint32_t>(random.NextBelow(2)));
  job.mutable_checkpoint()->set_every_seconds(static_cast<uint32_t>(random.NextBelow(2)));
  job.mutable_server()->set_log_mebibytes(1);
  job.mutable_training()->set_evaluate_every_epochs(0);
  job.mutable_cluster()->set_heartbeat_ms(300);
  job.mutable_cluster()->set_dead_after_ms(3000);
  job.mutable_worker()->set_batches_ahead(static_cast<uint32_t>(random.NextBelow(3)));
  job.mutable_worker()->set_pushes_in_flight(1 + static_cast<uint32_t>(random.NextBelow(4)));
  job.mutable_worker()->set_request_timeout_ms(200);
  job.mutable_worker()->set_give_up_after_ms(300'000);
  job.mutable_server()->set_hot_rows_mebibytes(1);
  job.mutable_server()->set_rocksdb_mebibytes(4);
  return spec;
}

NetworkFaults DrawFaults(RandomStream& random) {
  if (random.NextBelow(4) == 0) return {};
  const auto some = [&random](uint64_t most) {
    return static_cast<uint32_t>(random.NextBelow(3) == 0 ? 0 : random.NextBelow(most));
  };
  return {.lost = some(100),
          .twice = some(100),
          .late = some(100),
          .delay_max = Millis{1 + random.NextBelow(20)},
          .late_max = Millis{1 + random.NextBelow(4000)}};
}

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options)
      : server_faults_(options.server_faults),
        disk_faults_(options.disk_faults),
        random_(options.seed, 0x73696d),
        trace_(&loop_, options.keeps_trace),
        shape_(DrawShape(random_, options.seed)),
        spec_(DrawSpec(random_, shape_)),
        network_(&loop_, &trace_, DrawFaults(random_), RandomStream(random_.NextBits())),
        disk_(RandomStream(random_.NextBits())),
        judge_(&spec_, &shape_) {
    world_ = {.loop = &loop_,
              .network = &network_,
              .trace = &trace_,
              .disk = &disk_,
              .spec = &spec_,
              .shape = &shape_,
              .scheduler = "scheduler/requests",
              .plant = options.plant};
    trace_.Line("{} servers of {} lanes, {} workers, {} shards, {} epochs of {} blocks of {}",
                shape_.servers, shape_.lanes, shape_.workers, shape_.shards, shape_.epochs,
                shape_.blocks, shape_.block_batches);
  }

  Outcome Run() {
    StartScheduler();
    power_was_lost_.resize(shape_.servers);
    servers_.resize(shape_.servers);
    workers_.resize(shape_.workers);
    for (uint32_t i = 0; i < shape_.servers; ++i) StartServer(i);
    for (uint32_t i = 0; i < shape_.workers; ++i) StartWorker(i);
    PlanFaults();
    while (outcome_.status.ok() && !HasEnded() && loop_.Now() < kMustEnd && loop_.RunNext()) {
      Watch();
    }
    outcome_.status.Update(Verdict());
    outcome_.simulated = loop_.Now();
    outcome_.messages = network_.messages();
    outcome_.pushes = judge_.pushes();
    outcome_.story += trace_.text();
    return std::move(outcome_);
  }

 private:
  void StartServer(uint32_t i) {
    servers_[i] = Server::Start(world_, i, RandomStream(random_.NextBits()), &judge_.watches(),
                                power_was_lost_[i]);
    power_was_lost_[i] = false;
  }
  void StartWorker(uint32_t i) {
    workers_[i] =
        Worker::Start(world_, fmt::format("worker-{}", i), RandomStream(random_.NextBits()));
  }
  void StartScheduler() {
    scheduler_ = Scheduler::Start(world_, RandomStream(random_.NextBits()), &journal_,
                                  [this](uint64_t number) { Committed(number); });
  }

  void Committed(uint64_t number) {
    ++outcome_.checkpoints;
    trace_.Line("checkpoint {} is committed", number);
    DiskOfProcess disk(&disk_);
    const std::map<uint64_t, conf::Manifest> manifests = ReadManifests(disk);
    if (!manifests.contains(number)) return;
    const auto other_lanes = 1 + static_cast<uint32_t>(random_.NextBelow(5));
    outcome_.status.Update(judge_.CheckCheckpoint(disk_, CheckpointDirectory(number),
                                                  manifests.at(number), other_lanes));
  }

  // What a launcher does: who died is started again.
  void Watch() {
    if (scheduler_ != nullptr && scheduler_->is_dead()) KillScheduler(Within(Millis{1500}));
    for (uint32_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i] == nullptr || workers_[i]->left() == nullptr) continue;
      const absl::Status left = *workers_[i]->left();
      if (left.ok()) continue;
      if (!absl::IsDeadlineExceeded(left) && !absl::IsPermissionDenied(left)) {
        outcome_.status =
            absl::Status(left.code(), fmt::format("worker {}: {}", i, std::string(left.message())));
      }
      KillWorker(i, Millis{500});
    }
    for (uint32_t i = 0; i < servers_.size(); ++i) {
      if (servers_[i] == nullptr) continue;
      outcome_.status.Update(servers_[i]->broken_promise());
      if (servers_[i]->left() == nullptr || servers_[i]->left()->ok()) continue;
      const absl::Status left = *servers_[i]->left();
      if (absl::IsInvalidArgument(left) || absl::IsInternal(left) || absl::IsDataLoss(left)) {
        outcome_.status =
            absl::Status(left.code(), fmt::format("server {}: {}", i, std::string(left.message())));
      }
      KillServer(i, Within(Millis{1000}));
    }
  }

  void KillWorker(uint32_t i, Millis away) {
    trace_.Line("worker-{} is dead for {} ms", i, away.count());
    workers_[i].reset();
    loop_.After(away, [this, i] {
      if (workers_[i] == nullptr) StartWorker(i);
    });
  }
  void KillServer(uint32_t i, Millis away) {
    trace_.Line("server-{} is dead for {} ms", i, away.count());
    ++outcome_.servers_killed;
    servers_[i].reset();
    loop_.After(away, [this, i] {
      if (servers_[i] == nullptr) StartServer(i);
    });
  }
  void KillScheduler(Millis away) {
    trace_.Line("the scheduler is dead for {} ms", away.count());
    ++outcome_.schedulers_killed;
    scheduler_.reset();
    loop_.After(away, [this] {
      if (scheduler_ == nullptr) StartScheduler();
    });
  }
  void LosePower() {
    trace_.Line("the machine loses power");
    ++outcome_.power_losses;
    for (uint32_t i = 0; i < servers_.size(); ++i) {
      if (servers_[i] != nullptr) KillServer(i, Within(Millis{1000}));
      power_was_lost_[i] = true;
    }
    for (uint32_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i] != nullptr) KillWorker(i, Within(Millis{1000}));
    }
    if (scheduler_ != nullptr) KillScheduler(Within(Millis{1000}));
    disk_.LosePower();
    // The journal is not synced: it may lack its last records, but for the whole one.
    if (!journal_.empty()) journal_.resize(1 + random_.NextBelow(journal_.size()));
  }

  Millis Within(Millis most) {
    return Millis{random_.NextBelow(static_cast<uint64_t>(most.count()) + 1)};
  }

  void PlanFaults() {
    loop_.After(kFaultsEnd, [this] {
      trace_.Line("faults end");
      faults_are_over_ = true;
      network_.Heal();
      disk_.SetFull(false);
    });
    const uint64_t faults = random_.NextBelow(7);
    for (uint64_t i = 0; i < faults; ++i) {
      // Most runs last a second or two.
      const Millis at = random_.NextBelow(4) == 0 ? Within(kFaultsEnd) : Within(Millis{2000});
      loop_.After(at, [this] {
        if (!faults_are_over_) MakeFault();
      });
    }
  }

  void MakeFault() {
    switch (random_.NextBelow(4)) {
      case 0:
        return HurtWorker(static_cast<uint32_t>(random_.NextBelow(workers_.size())));
      case 1:
      case 2:
        return HurtServer(static_cast<uint32_t>(random_.NextBelow(servers_.size())));
      default:
        return HurtTheRest();
    }
  }

  void HurtWorker(uint32_t i) {
    if (workers_[i] == nullptr || workers_[i]->left() != nullptr) return;
    switch (random_.NextBelow(3)) {
      case 0:
        ++outcome_.workers_killed;
        return KillWorker(i, Within(Millis{4000}));
      case 1:
        trace_.Line("worker-{} is stopped", i);
        return workers_[i]->Stop(loop_.Now() + Within(Millis{6000}));
      default:
        trace_.Line("worker-{} is cut off", i);
        return network_.CutOff(fmt::format("worker-{}", i), loop_.Now() + Within(Millis{5000}));
    }
  }

  void HurtServer(uint32_t i) {
    if (!server_faults_ || servers_[i] == nullptr || servers_[i]->left() != nullptr) return;
    switch (random_.NextBelow(6)) {
      case 0:
        return KillServer(i, Within(Millis{4000}));
      case 1:
      case 2: {
        if (!disk_faults_) return KillServer(i, Within(Millis{4000}));
        const uint64_t operations = random_.NextBelow(30);
        trace_.Line("server-{} will die in {} operations of its disk", i, operations);
        return servers_[i]->disk().DieAfter(operations);
      }
      case 3:
        trace_.Line("server-{} is stopped", i);
        return servers_[i]->Stop(loop_.Now() + Within(Millis{6000}));
      case 4:
        trace_.Line("server-{} is cut off", i);
        return network_.CutOff(fmt::format("server-{}", i), loop_.Now() + Within(Millis{5000}));
      default: {
        trace_.Line("server-{} loses its disk", i);
        KillServer(i, Within(Millis{4000}));
        DiskOfProcess disk(&disk_);
        return disk.RemoveTree(Server::Directory(i)).IgnoreError();
      }
    }
  }

  void HurtTheRest() {
    switch (random_.NextBelow(3) + (disk_faults_ ? random_.NextBelow(3) : 2)) {
      case 0:
        trace_.Line("the disk is full");
        disk_.SetFull(true);
        return loop_.After(Within(Millis{2000}), [this] {
          trace_.Line("the disk has room");
          disk_.SetFull(false);
        });
      case 1:
        return LosePower();
      case 2:
        if (scheduler_ == nullptr) return;
        trace_.Line("the scheduler is stopped");
        return scheduler_->Stop(loop_.Now() + Within(Millis{4000}));
      default:
        if (scheduler_ != nullptr) scheduler_->DieIn(random_.NextBelow(30));
    }
  }

  bool HasEnded() const { return scheduler_ != nullptr && scheduler_->ended() != nullptr; }

  absl::Status Verdict() {
    if (!HasEnded()) {
      outcome_.story += WhoWaitsForWhom();
      return absl::DeadlineExceededError(
          fmt::format("the run has not ended after {} simulated ms", loop_.Now().count()));
    }
    const absl::Status& ended = *scheduler_->ended();
    if (!ended.ok()) {
      return absl::Status(ended.code(),
                          fmt::format("the run failed: {}", std::string(ended.message())));
    }
    std::vector<ps::Lane*> lanes(judge_.watches().size());
    for (const auto& server : servers_) {
      if (server == nullptr) continue;
      for (const auto& [number, lane] : server->lanes()) lanes[number] = lane;
    }
    // Who was dead at the end is not asked; the coordinator had its ledger.
    if (std::ranges::find(lanes, nullptr) != lanes.end()) return absl::OkStatus();
    return judge_.CheckEnd(lanes);
  }

  std::string WhoWaitsForWhom() const {
    std::string text =
        fmt::format("scheduler: {}\n", scheduler_ == nullptr ? "dead" : scheduler_->WaitsFor());
    for (size_t i = 0; i < servers_.size(); ++i) {
      text += fmt::format("server-{}: {}\n", i,
                          servers_[i] == nullptr ? "dead" : servers_[i]->WaitsFor());
    }
    for (size_t i = 0; i < workers_.size(); ++i) {
      text += fmt::format("worker-{}: {}\n", i,
                          workers_[i] == nullptr ? "dead" : workers_[i]->WaitsFor());
    }
    return text;
  }

  const bool server_faults_;
  const bool disk_faults_;
  RandomStream random_;
  EventLoop loop_;
  Trace trace_;
  const Shape shape_;
  const conf::RunSpec spec_;
  Network network_;
  Disk disk_;
  Judge judge_;
  World world_;
  JournalRecords journal_;
  bool faults_are_over_ = false;
  std::vector<bool> power_was_lost_;  // by server, since it was started last
  Outcome outcome_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace

Outcome Simulate(const SimulationOptions& options) {
  return std::make_unique<Simulation>(options)->Run();
}

}  // namespace caravan::sim
