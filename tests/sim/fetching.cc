#include "tests/sim/fetching.h"

#include <fmt/format.h>

#include <utility>

#include "base/status_macros.h"
#include "net/request_client.h"

namespace caravan::sim {

using worker::BlockOrder;

absl::StatusOr<bool> DriveTalk(worker::LaneTalk& talk, net::RequestClient& client,
                               std::vector<uint64_t>& tickets, const WorkerParts& parts) {
  const Millis now = parts.clock->Now();
  bool sends = true;
  while (sends && !talk.done()) {
    sends = false;
    for (worker::LaneRequest& request : talk.TakeRequests(now)) {
      uint64_t& ticket = tickets[request.lane];
      if (ticket != 0) client.Forget(ticket);
      ticket = client.Start(request.lane, std::move(request.header), std::move(request.frames));
    }
    for (uint32_t lane = 0; lane < tickets.size(); ++lane) {
      if (tickets[lane] == 0 || !client.IsAnswered(tickets[lane])) continue;
      CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer,
                               client.Await(std::exchange(tickets[lane], 0)));
      CARAVAN_RETURN_IF_ERROR(talk.Take(lane, answer, now));
      sends = true;
    }
  }
  if (talk.next_due().has_value()) parts.wake_at(*talk.next_due());
  return talk.done();
}

Fetching::Fetching(WorkerParts* parts, net::RequestClient* scheduler, net::RequestClient* lanes)
    : parts_(parts),
      scheduler_(scheduler),
      lanes_(lanes),
      order_(&parts->run),
      pull_(parts->map, Millis{parts->run.job().worker().give_up_after_ms()}),
      mark_(Millis{parts->run.job().worker().give_up_after_ms()}),
      tickets_(parts->map->lanes()) {}

absl::StatusOr<bool> Fetching::Turn() {
  while (true) {
    Event event = BlockOrder::TimePassed{};
    if (std::exchange(begun_, true)) {
      CARAVAN_ASSIGN_OR_RETURN(event, Outcome());
      if (!event.has_value()) return false;
    }
    for (const BlockOrder::Action& action : order_.Step(*event, parts_->clock->Now())) {
      if (const auto* leave = std::get_if<BlockOrder::Leave>(&action)) {
        CARAVAN_RETURN_IF_ERROR(leave->status);
        return true;
      }
      last_ = action;
      CARAVAN_RETURN_IF_ERROR(std::visit([this](const auto& one) { return Do(one); }, action));
    }
  }
}

absl::StatusOr<Fetching::Event> Fetching::Outcome() {
  if (ticket_ != 0) return AnswerOfScheduler();
  if (std::holds_alternative<BlockOrder::AskMark>(*last_)) {
    CARAVAN_ASSIGN_OR_RETURN(const bool done, DriveTalk(mark_, *lanes_, tickets_, *parts_));
    if (done) return BlockOrder::MarkFound{mark_.lowest()};
  } else if (std::holds_alternative<BlockOrder::ReadBatch>(*last_)) {
    if (parts_->batches < parts_->batches_max) {
      ReadNow();
      return BlockOrder::BatchRead{};
    }
  } else if (std::holds_alternative<BlockOrder::PullBatch>(*last_)) {
    CARAVAN_ASSIGN_OR_RETURN(const bool done, DriveTalk(pull_, *lanes_, tickets_, *parts_));
    if (done) {
      parts_->fetched.push_back(std::move(batch_));
      return BlockOrder::BatchPulled{};
    }
  } else if (const auto* wake = std::get_if<BlockOrder::WakeAt>(&*last_)) {
    if (parts_->clock->Now() >= wake->time) return BlockOrder::TimePassed{};
  }
  return std::nullopt;
}

absl::StatusOr<Fetching::Event> Fetching::AnswerOfScheduler() {
  if (!scheduler_->IsAnswered(ticket_)) return std::nullopt;
  CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, scheduler_->Await(std::exchange(ticket_, 0)));
  if (std::holds_alternative<BlockOrder::AskLease>(*last_)) {
    return BlockOrder::LeaseAnswered{std::move(answer.reply), lanes_->routing_epoch()};
  }
  return BlockOrder::PhaseAnswered{std::move(answer.reply)};
}

void Fetching::ReadNow() {
  batch_ = std::make_unique<FetchedBatch>();
  batch_->lease = order_.lease();
  batch_->number = std::get<BlockOrder::ReadBatch>(*last_).number;
  const uint32_t epoch = batch_->lease->train ? batch_->lease->epoch : 0;
  batch_->keys = BatchKeys(parts_->shape, epoch, batch_->lease->block, batch_->number);
  worker::SplitByLane(*parts_->map, batch_->keys, batch_->split);
  ++parts_->batches;
}

absl::Status Fetching::Do(const BlockOrder::AskLease&) {
  net::Header header;
  header.mutable_lease_request()->set_incarnation(parts_->incarnation);
  ticket_ = scheduler_->Start(0, std::move(header), {});
  return absl::OkStatus();
}

absl::Status Fetching::Do(const BlockOrder::AskPhase& action) {
  net::Header header;
  header.mutable_phase_request()->set_incarnation(parts_->incarnation);
  header.mutable_phase_request()->set_phase(action.phase);
  ticket_ = scheduler_->Start(0, std::move(header), {});
  return absl::OkStatus();
}

absl::Status Fetching::Do(const BlockOrder::AskMark&) {
  mark_.Begin(parts_->map->lanes(), order_.lease()->epoch, order_.lease()->block,
              parts_->clock->Now());
  return absl::OkStatus();
}

absl::Status Fetching::Do(const BlockOrder::ReadBatch&) { return absl::OkStatus(); }

absl::Status Fetching::Do(const BlockOrder::PullBatch&) {
  pull_.Begin(batch_->keys, batch_->split, batch_->parameters, parts_->clock->Now());
  return absl::OkStatus();
}

absl::Status Fetching::Do(const BlockOrder::EndBlock& action) {
  auto end = std::make_unique<FetchedBatch>();
  end->lease = action.lease;
  end->is_end = true;
  parts_->fetched.push_back(std::move(end));
  return absl::OkStatus();
}

absl::Status Fetching::Do(const BlockOrder::WakeAt& action) {
  parts_->wake_at(action.time);
  return absl::OkStatus();
}

absl::Status Fetching::Do(const BlockOrder::Leave& action) { return action.status; }

std::string Fetching::WaitsFor() const {
  if (!last_.has_value()) return "nothing";
  constexpr const char* kNames[] = {"a lease", "marks",   "room for a batch", "its phase",
                                    "a pull",  "nothing", "a pause's end",    "nothing"};
  return fmt::format("fetching: {}; {}{}", kNames[last_->index()], scheduler_->Waiting(),
                     lanes_->Waiting());
}

}  // namespace caravan::sim
