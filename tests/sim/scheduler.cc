#include "tests/sim/scheduler.h"

#include <fmt/format.h>
#include <glog/logging.h>

#include <deque>
#include <optional>
#include <utility>

#include "net/placement.h"
#include "scheduler/coordinator.h"
#include "scheduler/journal.h"
#include "scheduler/wire_events.h"
#include "tests/sim/lane_orders.h"
#include "tests/sim/turns.h"

namespace caravan::sim {
namespace {

using scheduler::Action;
using scheduler::Event;

constexpr Millis kTick{100};

// As scheduler/resume_point does it.
scheduler::CoordinatorOptions OptionsOf(const World& world, DiskOfProcess& disk) {
  scheduler::CoordinatorOptions options{
      .spec = *world.spec,
      .job_fingerprint = 1,
      .model_fingerprint = 2,
      .splits = {{.split = "train", .samples = BlockSamples(*world.shape)}},
      .start = {},
      .first_checkpoint = NextCheckpoint(disk),
      .first_routing_epoch = static_cast<uint32_t>(1 + world.loop->Now().count())};
  const std::map<uint64_t, conf::Manifest> manifests = ReadManifests(disk);
  if (manifests.empty()) return options;
  const conf::QueueState& queue = manifests.rbegin()->second.queue();
  options.start = {.epoch = queue.epoch(),
                   .done_blocks = {queue.done_blocks().begin(), queue.done_blocks().end()},
                   .finished = queue.finished()};
  return options;
}

class SchedulerProcess final : public Scheduler {
 public:
  SchedulerProcess(const World& world, RandomStream random, JournalRecords* journal,
                   std::function<void(uint64_t)> committed)
      : world_(world),
        random_(random),
        journal_(journal),
        committed_(std::move(committed)),
        disk_(world.disk),
        coordinator_(OptionsOf(world, disk_), world.loop->Now()),
        turns_(world.loop, [this] { Turn(); }) {
    if (!journal->empty()) {
      scheduler::JournalRecord state = journal->front();
      for (size_t i = 1; i < journal->size(); ++i) {
        scheduler::ApplyChanges((*journal)[i], state);
      }
      const absl::Status set = coordinator_.SetState(state);
      CHECK(set.ok()) << set;
    } else {
      context_.routing.set_epoch(static_cast<uint32_t>(world.loop->Now().count()));
    }
    KeepJournal();
    context_.run_spec = world.spec->SerializeAsString();
    context_.lanes_total = world.shape->servers * world.shape->lanes;
    world.network->Listen(world.scheduler, [this](const std::string& from, net::Message message) {
      inbox_.push_back({from, std::move(message)});
      turns_.Soon();
    });
    turns_.Soon();
  }
  ~SchedulerProcess() override { world_.network->Close(world_.scheduler); }

  const absl::Status* ended() const override { return ended_.has_value() ? &*ended_ : nullptr; }
  void DieIn(uint64_t steps) override { steps_left_ = steps; }
  bool is_dead() const override { return is_dead_; }
  void Stop(Millis until) override { turns_.Stop(until); }
  std::string WaitsFor() const override {
    return fmt::format(
        "phase {} epoch {} routing {}: {} of {} blocks done, {} leased, {} workers, "
        "{} servers, {}; {}",
        static_cast<int>(coordinator_.phase()), coordinator_.epoch(), coordinator_.routing_epoch(),
        coordinator_.training_queue().done(), coordinator_.training_queue().total(),
        coordinator_.training_queue().leased(), coordinator_.membership().Count(net::WORKER),
        coordinator_.membership().Count(net::SERVER),
        coordinator_.checkpoint_in_progress() ? "a checkpoint" : "no checkpoint",
        orders_ == nullptr ? "" : orders_->Waiting());
  }

 private:
  struct Incoming {
    std::string from;
    net::Message message;
  };

  void Turn() {
    for (Incoming& incoming : std::exchange(inbox_, {})) {
      std::optional<net::Reply> reply = Answer(incoming.message);
      if (is_dead_) return;
      world_.network->Send(world_.scheduler, incoming.from, net::MakeMessage(*reply));
    }
    if (orders_ != nullptr) {
      for (Event& event : orders_->Poll()) events_.push_back(std::move(event));
    }
    const Millis now = world_.loop->Now();
    if (now >= ticks_at_) {
      ticks_at_ = now + kTick;
      events_.emplace_back(scheduler::TimePassed{});
    }
    while (!events_.empty() && !is_dead_) {
      const Event event = std::move(events_.front());
      events_.pop_front();
      Step(event);
    }
    turns_.At(ticks_at_);
  }

  std::optional<net::Reply> Answer(const net::Message& message) {
    absl::StatusOr<net::Header> header = net::ParseHeader(message);
    CHECK(header.ok()) << header.status();
    if (world_.plant == Plant::kLeaseNotFenced && header->has_block_done()) Unfence(*header);
    const absl::StatusOr<Event> event = scheduler::EventOf(*header);
    CHECK(event.ok()) << event.status();
    if (header->hello().role() == net::SERVER) NameCheckpoint();
    std::optional<net::Reply> reply = Step(*event);
    if (is_dead_) return std::nullopt;
    CHECK(reply.has_value()) << "no answer to " << header->ShortDebugString();
    reply->set_request_id(header->request_id());
    return reply;
  }

  // Planted. Leases are fenced by their numbers and by the routing epoch in which their block was
  // begun. The first is a courtesy: a worker reports a block when all lanes have acknowledged it,
  // which stays true whoever holds its lease by then. Unless a lane loses what it acknowledged:
  // only the second fence keeps a report of before from closing a block that is not whole any more.
  void Unfence(net::Header& header) {
    net::BlockDone& done = *header.mutable_block_done();
    done.set_begun_routing_epoch(coordinator_.routing_epoch());
  }

  void NameCheckpoint() {
    const std::map<uint64_t, conf::Manifest> manifests = ReadManifests(disk_);
    context_.restore_directory =
        manifests.empty() ? "" : CheckpointDirectory(manifests.rbegin()->first);
  }

  void KeepJournal() {
    std::optional<scheduler::JournalRecord> changes = coordinator_.TakeChanges();
    if (!changes.has_value()) return;
    const bool fits = disk_.HasRoom() && (changes->whole() || !journal_->empty());
    if (changes->whole() || !fits) journal_->clear();
    if (!fits) return coordinator_.TakeChangesAnew();
    journal_->push_back(*std::move(changes));
  }

  std::optional<net::Reply> Step(const Event& event) {
    const std::vector<Action> actions = coordinator_.Step(event, world_.loop->Now());
    KeepJournal();
    if (steps_left_.has_value() && (*steps_left_)-- == 0) {
      is_dead_ = true;
      return std::nullopt;
    }
    if (coordinator_.routing_epoch() > context_.routing.epoch()) MakeRouting();
    std::optional<net::Reply> reply;
    for (const Action& action : actions) {
      if (std::optional<net::Reply> answer = scheduler::ReplyOf(action, context_)) {
        reply = std::move(answer);
      } else {
        std::visit([this](const auto& one) { Do(one); }, action);
      }
    }
    return reply;
  }

  void MakeRouting() {
    net::Routing& routing = context_.routing;
    routing.Clear();
    routing.set_epoch(coordinator_.routing_epoch());
    for (std::string& endpoint : coordinator_.membership().LaneEndpoints()) {
      routing.add_lane_endpoints(std::move(endpoint));
    }
    for (const uint32_t lane : net::ShardLanes(world_.shape->shards, context_.lanes_total)) {
      routing.add_shard_lanes(lane);
    }
    if (orders_ != nullptr) return orders_->Reroute(routing);
    orders_ = std::make_unique<LaneOrders>(world_, &disk_,
                                           fmt::format("scheduler/lanes-{:x}", random_.NextBits()),
                                           routing, [this] { turns_.Soon(); });
  }

  template <typename AnswerAction>
  void Do(const AnswerAction&) {}

  void Do(const scheduler::LogLine& line) { world_.trace->Line("scheduler: {}", line.text); }
  void Do(const scheduler::RunEnded& end) { ended_ = end.status; }
  void Do(const scheduler::CountLedger& order) { orders_->Start(order); }
  void Do(const scheduler::CollectMarks& order) { orders_->Start(order); }
  void Do(const scheduler::WriteCheckpoint& order) { orders_->Start(order); }
  void Do(const scheduler::DropCheckpoint& order) {
    if (orders_ != nullptr) orders_->Drop(order);
  }
  void Do(const scheduler::CheckpointWritten& written) { committed_(written.checkpoint); }

  const World world_;
  RandomStream random_;
  JournalRecords* const journal_;
  const std::function<void(uint64_t)> committed_;
  DiskOfProcess disk_;
  scheduler::Coordinator coordinator_;
  scheduler::AnswerContext context_;
  std::unique_ptr<LaneOrders> orders_;
  std::deque<Incoming> inbox_;
  std::deque<Event> events_;
  std::optional<uint64_t> steps_left_;
  bool is_dead_ = false;
  Millis ticks_at_{0};
  std::optional<absl::Status> ended_;
  Turns turns_;
};

}  // namespace

std::unique_ptr<Scheduler> Scheduler::Start(const World& world, RandomStream random,
                                            JournalRecords* journal,
                                            std::function<void(uint64_t)> committed) {
  return std::make_unique<SchedulerProcess>(world, random, journal, std::move(committed));
}

}  // namespace caravan::sim
