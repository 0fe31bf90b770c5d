// Coordinator: who dies and who comes back. A worker's blocks go to others. A server's place waits
// for it; where its lanes come back with less than they had acknowledged, their marks say from
// where training goes on.
#include <algorithm>
#include <limits>
#include <utility>

#include "fmt/format.h"
#include "scheduler/coordinator.h"

namespace caravan::scheduler {
namespace {

// A run in which nobody works for so long has lost its workers for good.
Millis NobodyWorksMax(const conf::Cluster& cluster) {
  return std::max(Millis{120000}, 10 * Millis{cluster.dead_after_ms()});
}

// Servers that live say hello to a new scheduler within a heartbeat or two, and those that are
// started anew within seconds.
Millis ComeInMax(const conf::Cluster& cluster) {
  return std::max(Millis{30000}, 3 * Millis{cluster.dead_after_ms()});
}

double Seconds(Millis time) { return static_cast<double>(time.count()) / 1000; }

}  // namespace

void Coordinator::DropDead() {
  // When the scheduler itself stood still, it heard nobody: that is not the others' fault.
  const Millis since_last_tick = now_ - std::exchange(last_tick_, now_);
  if (since_last_tick > Millis{options_.spec.job().cluster().dead_after_ms()} / 2) {
    membership_.Excuse(since_last_tick);
    servers_ready_at_ += since_last_tick;
    servers_in_at_ += since_last_tick;
  }
  for (const Member& member : membership_.TakeDead(now_)) {
    const std::string unheard =
        fmt::format("was not heard of for {:.1f} s", Seconds(now_ - member.heard));
    if (member.role == net::SERVER) {
      Log(true, fmt::format("{} {}; its place is free, and everybody waits for who takes it",
                            member.Name(), unheard));
      continue;
    }
    if (HasTime()) ++workers_lost_;
    ReleaseWorker(member, unheard + "; taken for dead");
  }
}

void Coordinator::ReleaseWorker(const Member& worker, const std::string& why) {
  size_t blocks = training_.Release(worker.worker_id()).size();
  if (evaluation_ != nullptr) blocks += evaluation_->queue().Release(worker.worker_id()).size();
  phases_.Forget(worker.worker_id());
  Log(true, fmt::format("{} {}, {} blocks go to others", worker.Name(), why, blocks));
}

std::string Coordinator::WaitingFor() const {
  const Millis waited = now_ - settled_at_;
  if (IsSettled() || waited < kWorthTelling || !HasTime()) return "";
  return fmt::format("{} for {:.1f} s",
                     membership_.ServersReady() ? "the marks of lanes that came back"
                                                : membership_.MissingServers(),
                     Seconds(waited));
}

void Coordinator::CheckWaits() {
  const conf::Cluster& cluster = options_.spec.job().cluster();
  if (membership_.ServersReady()) servers_ready_at_ = now_;
  if (membership_.Count(net::SERVER) == cluster.servers()) servers_in_at_ = now_;
  if (IsSettled()) settled_at_ = now_;
  if (phase_ == Phase::kJoining && all_epochs_done_) EndWithoutServers();
  if (const std::string waiting = WaitingFor();
      !waiting.empty() && now_ - wait_told_at_ >= kWorthTelling) {
    wait_told_at_ = now_;
    Log(true, "the run waits for " + waiting);
  }
  if (now_ - servers_ready_at_ > Millis{cluster.away_max_ms()}) {
    const std::string text =
        fmt::format("waited {:.0f} s (cluster.away_max_ms) for {}",
                    Seconds(now_ - servers_ready_at_), membership_.MissingServers());
    End(absl::UnavailableError(text + "; start the run again with --resume to go on from the last "
                                      "checkpoint"),
        text);
  }
  if (membership_.Count(net::WORKER) > 0 || phase_ == Phase::kJoining) worker_seen_at_ = now_;
  if (now_ - worker_seen_at_ > NobodyWorksMax(cluster)) {
    const std::string text =
        fmt::format("no worker has been there for {:.0f} s", Seconds(now_ - worker_seen_at_));
    End(absl::UnavailableError(text + "; start the run again with --resume"), text);
  }
}

// A scheduler that died as the last thing, and whose journal is lost, is followed by one that has
// only the checkpoint: all is in it, and servers that were told of the end do not come back.
void Coordinator::EndWithoutServers() {
  if (now_ - servers_in_at_ <= ComeInMax(options_.spec.job().cluster())) return;
  End(absl::OkStatus(),
      fmt::format("all epochs are done and in the checkpoint; servers have left ({}), so that this "
                  "scheduler can't score the test split: `caravan evaluate` does",
                  membership_.MissingServers()));
}

void Coordinator::Admit(Member& server, bool is_takeover) {
  if (is_takeover) ++servers_restarted_;
  if (routing_epoch_ == 0) return;  // everybody is still joining: nothing was acknowledged yet
  server.admitted_epoch = ++routing_epoch_;
  if (!server.keep_state) servers_with_loss_.insert(server.id);
  if (servers_with_loss_.contains(server.id)) loss_routing_epoch_ = routing_epoch_;
  DropCheckpointInFlight();
  Log(true, fmt::format("{} takes the place of a server that was lost, {}; routing epoch {}",
                        server.Name(), server.keep_state ? "with its state" : "without its state",
                        routing_epoch_));
}

void Coordinator::HearServer(Member& server, const Heartbeat& heartbeat) {
  if (!heartbeat.ready || server.ready) return;
  server.ready = true;
  server.state_owner = server.incarnation;
  Log(false, fmt::format("{} is ready", server.Name()));
  if (!heartbeat.state_lost || server.admitted_epoch == 0) return;
  servers_with_loss_.insert(server.id);
  loss_routing_epoch_ = std::max(loss_routing_epoch_, server.admitted_epoch);
}

void Coordinator::CollectMissingMarks() {
  if (!HasTime() || servers_with_loss_.empty() || !membership_.ServersReady() ||
      marks_asked_ == routing_epoch_) {
    return;
  }
  marks_asked_ = routing_epoch_;
  CollectMarks order{.lanes = {}, .routing_epoch = routing_epoch_};
  const uint32_t lanes = options_.spec.job().cluster().lanes();
  for (const uint32_t server : servers_with_loss_) {
    for (uint32_t lane = 0; lane < lanes; ++lane) order.lanes.push_back(server * lanes + lane);
  }
  actions_.push_back(std::move(order));
}

void Coordinator::On(const MarksCollected& collected) {
  if (collected.routing_epoch != routing_epoch_ || marks_asked_ != routing_epoch_) return;
  if (!membership_.ServersReady()) {
    marks_asked_ = 0;  // asked for again when the server that is away is heard of
    return;
  }
  if (!collected.status.ok()) {
    const std::string text =
        fmt::format("what the lanes of a server that came back have lost cannot be known: {}",
                    std::string(collected.status.message()));
    End(absl::DataLossError(text), text);
    return;
  }
  servers_with_loss_.clear();
  Repair(collected.lanes);
}

void Coordinator::Repair(const std::vector<LaneMarks>& lanes) {
  // Where the lane that is furthest back goes on: an epoch, and what it has of each of its blocks.
  uint32_t earliest = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> lowest;
  for (const LaneMarks& lane : lanes) {
    std::vector<uint32_t> marks(training_.total(), 0);
    bool is_whole = true;
    for (uint32_t block = 0; block < marks.size(); ++block) {
      const auto mark = lane.marks.find(block);
      if (mark != lane.marks.end()) marks[block] = mark->second;
      is_whole = is_whole && marks[block] >= training_.batches(block);
    }
    if (is_whole) marks.assign(marks.size(), 0);
    const uint32_t epoch = is_whole ? lane.epoch + 1 : lane.epoch;
    if (epoch > earliest) continue;
    if (epoch < earliest) lowest = marks;
    earliest = epoch;
    for (size_t i = 0; i < lowest.size(); ++i) lowest[i] = std::min(lowest[i], marks[i]);
  }
  if (earliest > epoch_) {
    Log(false, "the lanes that came back lack nothing");
    return;
  }
  TrainAgain(earliest, lowest);
}

void Coordinator::TrainAgain(uint32_t epoch, const std::vector<uint32_t>& marks) {
  size_t again = 0;
  if (epoch == epoch_) {
    again = training_.Reopen(marks).size();
    Log(again > 0, fmt::format("{} finished blocks of epoch {} are leased again: lanes that came "
                               "back lack them",
                               again, epoch));
    if (again == 0) return;
  } else {
    // Every lease of the later epoch is void.
    for (const auto& [incarnation, member] : membership_.members()) {
      if (member.role == net::WORKER) phases_.Deactivate(member.worker_id());
    }
    std::vector<uint32_t> done;
    for (uint32_t block = 0; block < training_.total(); ++block) {
      if (marks[block] >= training_.batches(block)) done.push_back(block);
    }
    Log(true, fmt::format("training goes back from epoch {} to {} for the lanes that came back",
                          epoch_, epoch));
    BeginEpoch(epoch, done);
  }
  all_epochs_done_ = false;
  epoch_checkpoint_due_ = false;
  evaluation_ = nullptr;
  evaluations_.clear();
  if (phase_ > Phase::kTraining) phase_ = Phase::kTraining;
}

}  // namespace caravan::scheduler
