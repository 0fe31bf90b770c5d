#include "worker/block_order.h"

#include <algorithm>
#include <utility>

#include "net/request_client.h"

namespace caravan::worker {
namespace {

constexpr uint32_t kLeasePauseMsMax = 10'000;

}  // namespace

absl::Status CheckKnown(const net::Reply& reply) {
  if (reply.code() == net::NOT_A_MEMBER) {
    return absl::AbortedError("the scheduler does not know this worker any more");
  }
  return net::ReplyStatus(reply);
}

Millis PhasePause::Next() { return std::exchange(pause_, std::min(pause_ * 2, kMax)); }

std::vector<BlockOrder::Action> BlockOrder::Step(const Event& event, Millis now) {
  now_ = now;
  std::visit([this](const auto& one) { On(one); }, event);
  return std::exchange(actions_, {});
}

void BlockOrder::On(const TimePassed&) {
  if (awaits_phase_) return On(BatchRead{});
  actions_.emplace_back(AskLease{});
}

void BlockOrder::On(const LeaseAnswered& event) {
  if (absl::Status known = CheckKnown(event.reply); !known.ok()) {
    actions_.emplace_back(Leave{std::move(known)});
    return;
  }
  const net::LeaseReply& reply = event.reply.lease();
  if (reply.kind() == net::LeaseReply::DONE) {
    actions_.emplace_back(Leave{absl::OkStatus()});
    return;
  }
  if (reply.kind() == net::LeaseReply::WAIT) {
    actions_.emplace_back(WakeAt{now_ + Millis{std::clamp(reply.wait_ms(), 1U, kLeasePauseMsMax)}});
    return;
  }
  absl::StatusOr<std::shared_ptr<const BlockLease>> lease =
      DescribeLease(*run_, reply, event.routing_epoch);
  if (!lease.ok()) {
    actions_.emplace_back(Leave{lease.status()});
    return;
  }
  lease_ = *std::move(lease);
  if (lease_->train) {
    actions_.emplace_back(AskMark{});
    return;
  }
  number_ = 0;
  NextBatch();
}

void BlockOrder::On(const MarkFound& event) {
  number_ = event.mark;
  NextBatch();
}

void BlockOrder::NextBatch() {
  if (number_ < lease_->batches) {
    actions_.emplace_back(ReadBatch{number_});
    return;
  }
  actions_.emplace_back(EndBlock{lease_});
  actions_.emplace_back(AskLease{});
}

void BlockOrder::On(const BatchRead&) {
  const conf::Consistency consistency = run_->job().training().consistency();
  awaits_phase_ = lease_->train && consistency != conf::ASYNC;
  if (awaits_phase_) {
    actions_.emplace_back(
        AskPhase{consistency == conf::SYNC ? 2 * batches_begun_ : batches_begun_});
    return;
  }
  actions_.emplace_back(PullBatch{number_});
}

void BlockOrder::On(const PhaseAnswered& event) {
  if (absl::Status known = CheckKnown(event.reply); !known.ok()) {
    actions_.emplace_back(Leave{std::move(known)});
    return;
  }
  if (!event.reply.phase().go()) {
    actions_.emplace_back(WakeAt{now_ + phase_pause_.Next()});
    return;
  }
  awaits_phase_ = false;
  phase_pause_.Reset();
  actions_.emplace_back(PullBatch{number_});
}

void BlockOrder::On(const BatchPulled&) {
  if (lease_->train) ++batches_begun_;
  ++number_;
  NextBatch();
}

}  // namespace caravan::worker
