#include "tests/sim/faults.h"

#include <fmt/format.h>

namespace caravan::sim {
namespace {

constexpr Millis kHoldMin{300};
constexpr Millis kHoldMax{5'000};
constexpr Millis kAwayMax{4'000};
constexpr Millis kBackSoon{300};
constexpr Millis kFullMax{2'000};
constexpr Millis kFullForLongMax{150'000};  // longer than a last checkpoint is tried again
constexpr uint64_t kOperationsMax = 30;

std::string ServerHost(uint32_t i) { return fmt::format("server-{}", i); }
std::string WorkerHost(uint32_t i) { return fmt::format("worker-{}", i); }
constexpr const char* kSchedulerHost = "scheduler";

}  // namespace

Faults::Faults(const World& world, Cluster* cluster, const FaultKinds& kinds, RandomStream random)
    : world_(world), cluster_(cluster), kinds_(kinds), random_(random) {}

Millis Faults::Within(Millis most) {
  return Millis{random_.NextBelow(static_cast<uint64_t>(most.count()) + 1)};
}
uint32_t Faults::AnyWorker() {
  return static_cast<uint32_t>(random_.NextBelow(world_.shape->workers));
}
uint32_t Faults::AnyServer() {
  return static_cast<uint32_t>(random_.NextBelow(world_.shape->servers));
}

void Faults::Plan() {
  world_.loop->After(kEnd, [this] {
    world_.trace->Line("faults end");
    are_over_ = true;
    world_.network->Heal();
  });
  const uint64_t faults = random_.NextBelow(7);
  for (uint64_t i = 0; i < faults; ++i) {
    // Most runs last a second or two.
    world_.loop->After(OneIn(4) ? Within(kEnd) : Within(Millis{2000}), [this] {
      if (!are_over_) Happen();
    });
  }
}

void Faults::Happen() {
  switch (random_.NextBelow(6)) {
    case 0:
      return HurtWorker();
    case 1:
      return HurtServer(AnyServer(), kAwayMax);
    case 2:
      return kinds_.disks ? HurtDisk() : HurtServer(AnyServer(), kAwayMax);
    case 3:
      return HurtScheduler();
    default:
      return HurtWhileHeld();
  }
}

void Faults::HurtWorker() {
  const uint32_t i = AnyWorker();
  if (cluster_->worker(i) == nullptr || cluster_->worker(i)->left() != nullptr) return;
  if (!OneIn(3)) return Hold(Within(kHoldMax));
  cluster_->KillWorker(i, Within(kAwayMax));
}

void Faults::HurtServer(uint32_t i, Millis away_max) {
  Server* const server = cluster_->server(i);
  if (!kinds_.servers || server == nullptr || server->left() != nullptr) return;
  switch (random_.NextBelow(4)) {
    case 0:
      return cluster_->KillServer(i, Within(away_max));
    case 1: {
      if (!kinds_.disks) return cluster_->KillServer(i, Within(away_max));
      const uint64_t operations = random_.NextBelow(kOperationsMax);
      world_.trace->Line("{} will die in {} operations of its disk", ServerHost(i), operations);
      return server->disk().DieAfter(operations);
    }
    case 2: {
      const Millis time = Within(kHoldMax);
      world_.trace->Line("{} is stopped for {} ms", ServerHost(i), time.count());
      return server->Stop(world_.loop->Now() + time);
    }
    default: {
      world_.trace->Line("{} loses its disk", ServerHost(i));
      cluster_->KillServer(i, Within(away_max));
      return world_.disk->LoseTree(Server::Directory(i));
    }
  }
}

void Faults::HurtScheduler() {
  Scheduler* const scheduler = cluster_->scheduler();
  if (scheduler == nullptr) return;
  if (!OneIn(3)) return scheduler->DieIn(random_.NextBelow(kOperationsMax));
  const Millis time = Within(kAwayMax);
  world_.trace->Line("the scheduler is stopped for {} ms", time.count());
  scheduler->Stop(world_.loop->Now() + time);
}

void Faults::HurtDisk() {
  if (OneIn(2)) return cluster_->LosePower();
  const Disk::Room room = OneIn(2) ? Disk::Room::kScarce : Disk::Room::kNone;
  const Millis time = Within(OneIn(4) ? kFullForLongMax : kFullMax);
  world_.trace->Line("the disk has {} room for {} ms", room == Disk::Room::kNone ? "no" : "little",
                     time.count());
  world_.disk->SetRoom(room);
  world_.loop->After(time, [this] {
    world_.trace->Line("the disk has room");
    world_.disk->SetRoom(Disk::Room::kEnough);
  });
}

void Faults::HurtWhileHeld() {
  const Millis time = kHoldMin + Within(kHoldMax);
  Hold(time);
  const uint32_t i = AnyServer();
  world_.loop->After(Within(time / 2), [this, i] {
    if (!are_over_) HurtServer(i, kBackSoon);
  });
}

void Faults::Hold(Millis time) {
  const Millis until = world_.loop->Now() + time;
  const uint32_t worker = AnyWorker();
  const uint32_t server = AnyServer();
  const auto cut = [&](const std::string& host, const std::string& other) {
    world_.trace->Line("{} and {} are cut off from each other for {} ms", host, other,
                       time.count());
    world_.network->CutLink(host, other, until);
  };
  switch (random_.NextBelow(kinds_.servers ? 6 : 3)) {
    case 0:
      if (cluster_->worker(worker) == nullptr) return;
      world_.trace->Line("{} is stopped for {} ms", WorkerHost(worker), time.count());
      return cluster_->worker(worker)->Stop(until);
    case 1:
      world_.trace->Line("{} is cut off for {} ms", WorkerHost(worker), time.count());
      return world_.network->CutOff(WorkerHost(worker), until);
    case 2:
      return cut(WorkerHost(worker), kSchedulerHost);
    case 3:
      return cut(WorkerHost(worker), ServerHost(server));
    case 4:
      return cut(ServerHost(server), kSchedulerHost);
    default:
      world_.trace->Line("{} is cut off for {} ms", ServerHost(server), time.count());
      return world_.network->CutOff(ServerHost(server), until);
  }
}

}  // namespace caravan::sim
