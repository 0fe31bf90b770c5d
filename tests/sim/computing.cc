#include "tests/sim/computing.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/status_macros.h"
#include "net/request_client.h"

namespace caravan::sim {
namespace {

constexpr uint64_t kComputeMillisMax = 12;

std::vector<net::CellSums> OneCell(const worker::BlockLease& lease) {
  net::CellSums cell;
  cell.set_task(0);
  cell.set_scenario(0);
  cell.set_samples(lease.samples);
  return {cell};
}

}  // namespace

Computing::Computing(WorkerParts* parts, net::RequestClient* scheduler, net::RequestClient* lanes,
                     RandomStream random)
    : parts_(parts),
      scheduler_(scheduler),
      lanes_(lanes),
      random_(random),
      in_turns_(parts->run.job().training().consistency() == conf::SYNC),
      pushes_max_(parts->run.job().worker().pushes_in_flight()),
      order_(Millis{parts->run.job().worker().give_up_after_ms()}),
      reports_(parts->incarnation) {}

absl::Status Computing::Turn() {
  bool moved = true;
  while (moved) {
    moved = false;
    CARAVAN_RETURN_IF_ERROR(TurnOnce(moved));
  }
  return absl::OkStatus();
}

absl::Status Computing::TurnOnce(bool& moved) {
  const Millis now = parts_->clock->Now();
  CARAVAN_RETURN_IF_ERROR(CollectPushes(moved));
  CARAVAN_RETURN_IF_ERROR(Report(moved));
  if (awaits_acknowledgement_) {
    if (order_.acknowledged() < order_.pushed()) return absl::OkStatus();
    awaits_acknowledgement_ = false;
    --parts_->batches;
    moved = true;
  }
  if (batch_ == nullptr) {
    if (parts_->fetched.empty()) return absl::OkStatus();
    batch_ = std::move(parts_->fetched.front());
    parts_->fetched.pop_front();
    computed_at_ = now + Millis{random_.NextBelow(kComputeMillisMax + 1)};
    if (batch_->is_end) computed_at_ = now;
    parts_->wake_at(computed_at_);
    moved = true;
  }
  if (now < computed_at_) return absl::OkStatus();
  if (batch_->is_end) {
    reports_.End(batch_->lease, order_.pushed(),
                 batch_->lease->train ? std::vector<net::CellSums>() : OneCell(*batch_->lease));
    batch_.reset();
    moved = true;
    return absl::OkStatus();
  }
  if (batch_->lease->train) return Push(moved);
  batch_.reset();
  --parts_->batches;
  moved = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> Computing::HasPhase() {
  if (has_phase_) return true;
  const Millis now = parts_->clock->Now();
  if (phase_ticket_ == 0) {
    if (now < phase_again_at_) return false;
    net::Header header;
    header.mutable_phase_request()->set_incarnation(parts_->incarnation);
    header.mutable_phase_request()->set_phase(2 * order_.pushed() + 1);
    phase_ticket_ = scheduler_->Start(0, std::move(header), {});
  }
  if (!scheduler_->IsAnswered(phase_ticket_)) return false;
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer,
                           scheduler_->Await(std::exchange(phase_ticket_, 0)));
  CARAVAN_RETURN_IF_ERROR(worker::CheckKnown(answer.reply));
  has_phase_ = answer.reply.phase().go();
  if (has_phase_) {
    phase_pause_.Reset();
  } else {
    phase_again_at_ = now + phase_pause_.Next();
    parts_->wake_at(phase_again_at_);
  }
  return has_phase_;
}

absl::Status Computing::Push(bool& moved) {
  if (order_.pushed() - order_.acknowledged() >= pushes_max_) return absl::OkStatus();
  if (in_turns_) {
    CARAVAN_ASSIGN_OR_RETURN(const bool go, HasPhase());
    if (!go) return absl::OkStatus();
  }
  const worker::BlockLease& lease = *batch_->lease;
  worker::BatchPush push;
  push.tag.set_epoch(lease.epoch);
  push.tag.set_block(lease.block);
  push.tag.set_batch(batch_->number);
  push.tag.set_samples(static_cast<uint32_t>(
      std::min<uint64_t>(kBatchSamples, lease.samples - batch_->number * kBatchSamples)));
  push.learning_rate_scale = lease.learning_rate_scale;
  BatchGradientsOf(parts_->shape, push.tag, batch_->keys, batch_->parameters, gradients_);
  CARAVAN_RETURN_IF_ERROR(
      worker::FillPush(*parts_->map, parts_->run.model(), batch_->split, gradients_, 3, push));
  order_.Begin(std::move(push));
  has_phase_ = false;
  batch_.reset();
  awaits_acknowledgement_ = in_turns_;
  if (!in_turns_) --parts_->batches;
  moved = true;
  return absl::OkStatus();
}

absl::Status Computing::CollectPushes(bool& moved) {
  const Millis now = parts_->clock->Now();
  std::vector<std::pair<uint64_t, uint32_t>> answered;
  for (const auto& [which, ticket] : push_tickets_) {
    if (lanes_->IsAnswered(ticket)) answered.push_back(which);
  }
  for (const auto& which : answered) {
    const auto ticket = push_tickets_.find(which);
    if (ticket == push_tickets_.end()) continue;
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, lanes_->Await(ticket->second));
    push_tickets_.erase(ticket);
    CARAVAN_RETURN_IF_ERROR(order_.Take(which.first, which.second, answer.reply, now));
    moved = true;
  }
  for (auto& [push, request] : order_.TakeRequests(now)) {
    uint64_t& ticket = push_tickets_[{push, request.lane}];
    if (ticket != 0) lanes_->Forget(ticket);
    ticket = lanes_->Start(request.lane, std::move(request.header), std::move(request.frames));
  }
  if (order_.next_due().has_value()) parts_->wake_at(*order_.next_due());
  return absl::OkStatus();
}

absl::Status Computing::Report(bool& moved) {
  for (worker::BlockReports::Report& report : reports_.TakeReports(order_.acknowledged())) {
    report_tickets_.push_back(scheduler_->Start(0, std::move(report.header), {}));
  }
  while (!report_tickets_.empty() && scheduler_->IsAnswered(report_tickets_.front())) {
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, scheduler_->Await(report_tickets_.front()));
    report_tickets_.pop_front();
    CARAVAN_RETURN_IF_ERROR(worker::BlockReports::Accepted(answer.reply).status());
    moved = true;
  }
  return absl::OkStatus();
}

bool Computing::settled() const {
  return batch_ == nullptr && parts_->fetched.empty() && !awaits_acknowledgement_ &&
         order_.acknowledged() == order_.pushed() && report_tickets_.empty();
}

std::string Computing::WaitsFor() const {
  return fmt::format("computing: {} of {} pushes acknowledged, {} reports unanswered; {}; {}",
                     order_.acknowledged(), order_.pushed(), report_tickets_.size(),
                     scheduler_->Waiting(), lanes_->Waiting());
}

}  // namespace caravan::sim
