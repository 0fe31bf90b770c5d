#include "tests/sim/worker.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "tests/sim/client.h"
#include "tests/sim/computing.h"
#include "tests/sim/fetching.h"
#include "tests/sim/turns.h"

namespace caravan::sim {
namespace {

constexpr Millis kRejoinPause{1000};
constexpr Millis kRoutingPause{200};

// From its hello to its leaving: what one incarnation does.
class Membership {
 public:
  Membership(const World& world, const std::string& name, RandomStream random,
             uint64_t former_incarnation, std::function<void(Millis)> wake_at)
      : world_(world), name_(name), random_(random), wake_at_(std::move(wake_at)) {
    parts_.incarnation = random_.NextBits() | 1;
    parts_.shape = *world.shape;
    parts_.clock = world.loop;
    parts_.wake_at = wake_at_;
    joining_ = Connect("join", {world_.scheduler}, {.repeat_after = Millis{1000}});
    net::Header header;
    net::Hello& hello = *header.mutable_hello();
    hello.set_role(net::WORKER);
    hello.set_incarnation(parts_.incarnation);
    hello.set_former_incarnation(former_incarnation);
    ticket_ = joining_->Start(0, std::move(header), {});
    world_.trace->Line("{} joins as {:x}", name_, parts_.incarnation);
  }

  // OK once the run is over for it; nothing while it goes on.
  std::optional<absl::Status> Turn() {
    if (computing_ == nullptr) {
      if (absl::Status status = Join(); !status.ok()) return status;
      if (computing_ == nullptr) return std::nullopt;
    }
    bool is_over = false;
    if (absl::Status status = Beat(is_over); !status.ok()) return status;
    if (is_over) return absl::OkStatus();
    // Each half may make room for the other.
    for (int i = 0; i < 2; ++i) {
      if (absl::Status status = FetchAndCompute(); !status.ok()) return status;
    }
    if (fetched_all_ && computing_->settled()) return absl::OkStatus();
    return std::nullopt;
  }

  uint64_t incarnation() const { return parts_.incarnation; }

  std::string WaitsFor() const {
    if (computing_ == nullptr) return fmt::format("joining: {}", joining_->Waiting());
    return fmt::format("{}\n    {}", fetching_->WaitsFor(), computing_->WaitsFor());
  }

 private:
  std::unique_ptr<Client> Connect(const char* part, std::vector<std::string> peers,
                                  net::RequestClient::Options options) {
    options.sender = parts_.incarnation;
    options.run_id = parts_.run.run_id();
    return std::make_unique<Client>(
        world_.loop, world_.network, fmt::format("{}/{}-{:x}", name_, part, parts_.incarnation),
        std::move(peers), options, [this] { wake_at_(world_.loop->Now()); });
  }

  absl::Status Join() {
    if (ticket_ == 0) {
      if (world_.loop->Now() < ask_again_at_) return absl::OkStatus();
      net::Header header;
      header.mutable_heartbeat()->set_incarnation(parts_.incarnation);
      ticket_ = joining_->Start(0, std::move(header), {});
    }
    if (!joining_->IsAnswered(ticket_)) return absl::OkStatus();
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, joining_->Await(std::exchange(ticket_, 0)));
    CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
    if (answer.reply.has_welcome()) {
      if (!parts_.run.ParseFromString(answer.reply.welcome().run_spec())) {
        return absl::DataLossError("the run description cannot be read");
      }
      joining_->SetRun(parts_.run.run_id(), 0);
      Begin(answer.reply.welcome().routing());
    } else {
      if (answer.reply.heartbeat().order() == net::HeartbeatReply::STOP) {
        return absl::CancelledError("the run was stopped before it began");
      }
      if (answer.reply.heartbeat().order() == net::HeartbeatReply::UNKNOWN) {
        return absl::AbortedError("the scheduler does not know this worker any more");
      }
      Begin(answer.reply.heartbeat().routing());
    }
    if (computing_ == nullptr) {
      ask_again_at_ = world_.loop->Now() + kRoutingPause;
      wake_at_(ask_again_at_);
    }
    return absl::OkStatus();
  }

  void Begin(const net::Routing& routing) {
    if (routing.lane_endpoints().empty()) return;
    const conf::Worker& worker = parts_.run.job().worker();
    map_ = *worker::LaneMap::Create(parts_.run.model(),
                                    {routing.shard_lanes().begin(), routing.shard_lanes().end()},
                                    static_cast<uint32_t>(routing.lane_endpoints_size()));
    parts_.map = &*map_;
    const bool is_sync = parts_.run.job().training().consistency() == conf::SYNC;
    parts_.batches_max = is_sync ? 1 : worker.batches_ahead() + 1;
    const net::RequestClient::Options options{.repeat_after = Millis{worker.request_timeout_ms()},
                                              .give_up_after = Millis{worker.give_up_after_ms()}};
    const std::vector<std::string> lanes(routing.lane_endpoints().begin(),
                                         routing.lane_endpoints().end());
    const auto connect = [&](const char* part, const std::vector<std::string>& peers) {
      clients_.push_back(Connect(part, peers, options));
      clients_.back()->SetRun(parts_.run.run_id(), routing.epoch());
      return clients_.back().get();
    };
    Client* const scheduler = connect("fetch", {world_.scheduler});
    pull_lanes_ = connect("pull", lanes);
    fetching_ = std::make_unique<Fetching>(&parts_, scheduler, pull_lanes_);
    Client* const reports = connect("report", {world_.scheduler});
    push_lanes_ = connect("push", lanes);
    computing_ = std::make_unique<Computing>(&parts_, reports, push_lanes_,
                                             RandomStream(random_.NextBits()));
    heartbeat_ = connect("heartbeat", {world_.scheduler});
  }

  absl::Status Beat(bool& is_over) {
    const Millis now = world_.loop->Now();
    if (beat_ticket_ == 0 && now >= beat_at_) {
      net::Header header;
      header.mutable_heartbeat()->set_incarnation(parts_.incarnation);
      beat_ticket_ = heartbeat_->Start(0, std::move(header), {});
      beat_at_ = now + Millis{parts_.run.job().cluster().heartbeat_ms()};
    }
    if (beat_ticket_ == 0 || !heartbeat_->IsAnswered(beat_ticket_)) return absl::OkStatus();
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer,
                             heartbeat_->Await(std::exchange(beat_ticket_, 0)));
    CARAVAN_RETURN_IF_ERROR(worker::CheckKnown(answer.reply));
    is_over = answer.reply.heartbeat().order() == net::HeartbeatReply::STOP;
    if (answer.reply.heartbeat().order() == net::HeartbeatReply::UNKNOWN) {
      return absl::AbortedError("the scheduler does not know this worker any more");
    }
    const net::Routing& routing = answer.reply.heartbeat().routing();
    if (routing.epoch() > heartbeat_->routing_epoch()) Reroute(routing);
    wake_at_(std::max(beat_at_, now));
    return absl::OkStatus();
  }

  // As worker/pipeline does it: pushes first.
  void Reroute(const net::Routing& routing) {
    world_.trace->Line("{} goes by routing epoch {}", name_, routing.epoch());
    for (Client* lanes : {push_lanes_, pull_lanes_}) {
      lanes->Reroute({routing.lane_endpoints().begin(), routing.lane_endpoints().end()},
                     routing.epoch());
    }
    heartbeat_->SetRun(parts_.run.run_id(), routing.epoch());
  }

  absl::Status FetchAndCompute() {
    if (!fetched_all_) {
      CARAVAN_ASSIGN_OR_RETURN(fetched_all_, fetching_->Turn());
    }
    return computing_->Turn();
  }

  const World world_;
  const std::string name_;
  RandomStream random_;
  const std::function<void(Millis)> wake_at_;
  WorkerParts parts_;
  std::optional<worker::LaneMap> map_;
  std::unique_ptr<Client> joining_;
  std::vector<std::unique_ptr<Client>> clients_;
  uint64_t ticket_ = 0;
  Millis ask_again_at_{0};
  Client* pull_lanes_ = nullptr;
  Client* push_lanes_ = nullptr;
  Client* heartbeat_ = nullptr;
  uint64_t beat_ticket_ = 0;
  Millis beat_at_{0};
  std::unique_ptr<Fetching> fetching_;
  std::unique_ptr<Computing> computing_;
  bool fetched_all_ = false;
};

class WorkerProcess final : public Worker {
 public:
  WorkerProcess(const World& world, const std::string& name, RandomStream random)
      : world_(world), name_(name), random_(random), turns_(world.loop, [this] { Turn(); }) {
    turns_.Soon();
  }

  const absl::Status* left() const override { return left_.has_value() ? &*left_ : nullptr; }
  void Stop(Millis until) override { turns_.Stop(until); }
  std::string WaitsFor() const override {
    return membership_ == nullptr ? "nothing" : membership_->WaitsFor();
  }

 private:
  void Turn() {
    if (left_.has_value()) return;
    if (membership_ == nullptr) {
      if (world_.loop->Now() < rejoins_at_) return turns_.At(rejoins_at_);
      membership_ = std::make_unique<Membership>(world_, name_, RandomStream(random_.NextBits()),
                                                 former_incarnation_,
                                                 [this](Millis time) { turns_.At(time); });
      former_incarnation_ = membership_->incarnation();
    }
    const std::optional<absl::Status> ended = membership_->Turn();
    if (!ended.has_value()) return;
    world_.trace->Line("{} ends: {}", name_, ended->ToString());
    membership_.reset();
    if (absl::IsAborted(*ended)) {
      rejoins_at_ = world_.loop->Now() + kRejoinPause;
      return turns_.At(rejoins_at_);
    }
    left_ = absl::IsCancelled(*ended) ? absl::OkStatus() : *ended;
  }

  const World world_;
  const std::string name_;
  RandomStream random_;
  std::unique_ptr<Membership> membership_;
  std::optional<absl::Status> left_;
  uint64_t former_incarnation_ = 0;
  Millis rejoins_at_{0};
  Turns turns_;
};

}  // namespace

std::unique_ptr<Worker> Worker::Start(const World& world, const std::string& name,
                                      RandomStream random) {
  return std::make_unique<WorkerProcess>(world, name, random);
}

}  // namespace caravan::sim
