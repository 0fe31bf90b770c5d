#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "scheduler/coordinator.h"
#include "scheduler/learning_rate.h"

namespace caravan::scheduler {
namespace {

// How long a worker that finds nothing to do waits before it asks again.
constexpr uint32_t kWaitMillis = 100;
// Leases that a worker may hold at once: one it works on, and those whose last pushes are under
// way.
constexpr uint32_t kLeasesHeldMax = 8;
constexpr size_t kReportsRemembered = 16;

LeaseAnswer Wait() {
  LeaseAnswer answer;
  answer.wait_ms = kWaitMillis;
  return answer;
}

}  // namespace

Member* Coordinator::KnownMember(uint64_t incarnation) {
  Member* member = membership_.Hear(incarnation, now_);
  if (member == nullptr) {
    actions_.push_back(Refusal{
        net::NOT_A_MEMBER, fmt::format("incarnation {} is no member of this run", incarnation)});
  }
  return member;
}

std::string Coordinator::WhyRefused(const Hello& hello) const {
  const conf::RunSpec& spec = options_.spec;
  if (hello.incarnation == 0) return "the hello has no incarnation; a random one above 0 is wanted";
  if (!hello.version.empty() && hello.version != spec.version()) {
    return fmt::format("another version: it runs {}, this run {}", hello.version, spec.version());
  }
  if (hello.job_fingerprint != 0 && hello.job_fingerprint != options_.job_fingerprint) {
    return fmt::format("another job: its fingerprint is {:016x}, this run's {:016x} ({})",
                       hello.job_fingerprint, options_.job_fingerprint, spec.job().name());
  }
  if (hello.model_fingerprint != 0 && hello.model_fingerprint != options_.model_fingerprint) {
    return fmt::format("another model: its fingerprint is {:016x}, this run's {:016x} ({})",
                       hello.model_fingerprint, options_.model_fingerprint, spec.model().net());
  }
  return "";
}

void Coordinator::On(const Hello& hello) {
  std::string why = WhyRefused(hello);
  if (why.empty() && hello.role == net::OBSERVER) {
    actions_.push_back(Welcome{});
    return;
  }
  if (why.empty() && !HasTime()) why = "the run is over";
  absl::StatusOr<Membership::Joined> joined = absl::FailedPreconditionError(why);
  if (why.empty()) joined = membership_.Join(hello, options_.spec.run_id(), now_);
  if (!joined.ok()) {
    const bool is_for_now = absl::IsUnavailable(joined.status());
    if (!is_for_now) ++peers_refused_;
    actions_.push_back(Refusal{is_for_now ? net::NOT_READY : net::REFUSED,
                               std::string(joined.status().message())});
    return;
  }
  Member& member = *joined->member;
  if (joined->is_new && hello.role == net::SERVER) Admit(member, joined->is_takeover);
  Welcome welcome{.id = member.id,
                  .with_routing = routing_epoch_ > 0 || member.role == net::SERVER,
                  .keep_state = member.keep_state};
  if (hello.role == net::SERVER) {
    const uint32_t lanes = options_.spec.job().cluster().lanes();
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      welcome.lanes.push_back(welcome.id * lanes + lane);
    }
  }
  actions_.push_back(std::move(welcome));
  if (!joined->is_new) return;
  Log(false, fmt::format("{} joined", member.Name()));
  const Member* former = membership_.Find(hello.former_incarnation);
  if (former == nullptr || former->role != net::WORKER || hello.role != net::WORKER) return;
  ReleaseWorker(*former, fmt::format("joined anew as worker {}", member.id));
  membership_.Remove(hello.former_incarnation);
}

void Coordinator::On(const Heartbeat& heartbeat) {
  Member* member = membership_.Hear(heartbeat.incarnation, now_);
  if (member == nullptr) {
    actions_.push_back(HeartbeatAnswer{.order = net::HeartbeatReply::UNKNOWN});
    return;
  }
  const bool is_repeat =
      heartbeat.request_id != 0 && heartbeat.request_id == member->last_heartbeat;
  if (!is_repeat) {
    member->last_heartbeat = heartbeat.request_id;
    member->samples += heartbeat.sums.samples;
    if (member->role == net::WORKER) meter_.Add(heartbeat.sums, now_);
  }
  member->resident_bytes = heartbeat.resident_bytes;
  member->waiting_for = heartbeat.waiting_for;
  if (member->role == net::SERVER) HearServer(*member, heartbeat);
  HeartbeatAnswer answer{.order = net::HeartbeatReply::CONTINUE,
                         .with_routing = routing_epoch_ > heartbeat.routing_epoch};
  // Servers go last, so that no worker waits for a lane that has left.
  const bool workers_are_gone =
      membership_.AllTold(net::WORKER) || now_ - stopping_since_ > StopGrace() / 2;
  if (!HasTime() && (member->role == net::WORKER || workers_are_gone)) {
    answer.order = net::HeartbeatReply::STOP;
    member->told_to_stop = true;
  }
  actions_.push_back(answer);
}

void Coordinator::On(const LeaseRequest& request) {
  Member* member = KnownMember(request.incarnation);
  if (member == nullptr) return;
  if (member->role != net::WORKER) {
    actions_.push_back(Refusal{net::INVALID, "only workers are given leases"});
    return;
  }
  LeaseAnswer answer = Wait();
  if (!HasTime()) {
    answer.kind = net::LeaseReply::DONE;
    member->told_to_stop = true;
  } else if (request.request_id != 0 && request.request_id <= member->last_lease_request) {
    // A repeat: its sender may have its answer by now, and would never know of another lease.
    const bool is_held = request.request_id == member->last_lease_request &&
                         queue().FindLease(member->last_lease.lease).has_value();
    if (is_held) answer = member->last_lease;
  } else {
    if (!stop_ && IsSettled() && queue().Held(member->worker_id()) < kLeasesHeldMax) {
      if (phase_ == Phase::kTraining) answer = TrainingLease(*member);
      if (phase_ == Phase::kEvaluating) answer = EvaluationLease(*member);
    }
    member->last_lease_request = request.request_id;
    member->last_lease = answer;
  }
  actions_.push_back(std::move(answer));
}

LeaseAnswer Coordinator::TrainingLease(Member& member) {
  const uint64_t begun = batches_done() + training_.batches_leased();
  const std::optional<Lease> lease = training_.Take(member.worker_id(), next_lease_, BatchesLeft());
  if (!lease.has_value()) return Wait();
  ++next_lease_;
  changed_since_checkpoint_ = true;
  phases_.Activate(member.worker_id());
  // A block's batches all have the rate of its middle.
  const double middle = static_cast<double>(begun) + lease->batches_end / 2.0;
  learning_rate_scale_ =
      LearningRateScale(training_options_, middle / static_cast<double>(batches_total()));
  const bool is_cut =
      lease->batches_end < train_.Batches(options_.spec.block_plan().batch_size())[lease->block];
  return {.kind = net::LeaseReply::TRAIN,
          .epoch = epoch_,
          .split = "train",
          .block = lease->block,
          .learning_rate_scale = learning_rate_scale_,
          .wait_ms = 0,
          .lease = lease->number,
          .batches_end = is_cut ? lease->batches_end : 0};
}

LeaseAnswer Coordinator::EvaluationLease(Member& member) {
  const std::optional<Lease> lease =
      evaluation_->queue().Take(member.worker_id(), next_lease_, UINT64_MAX);
  if (!lease.has_value()) return Wait();
  ++next_lease_;
  return {.kind = net::LeaseReply::EVALUATE,
          .epoch = epoch_,
          .split = evaluation_->split(),
          .block = lease->block,
          .learning_rate_scale = 1,
          .wait_ms = 0,
          .lease = lease->number,
          .batches_end = 0};
}

void Coordinator::On(const BlockDone& report) {
  Member* member = KnownMember(report.incarnation);
  if (member == nullptr) return;
  std::deque<uint64_t>& reported = member->reported_leases;
  if (std::find(reported.begin(), reported.end(), report.lease) != reported.end()) {
    actions_.push_back(BlockDoneAnswer{.accepted = true});
    return;
  }
  if (const absl::Status wrong = CheckEvaluation(*member, report); !wrong.ok()) {
    actions_.push_back(Refusal{net::INVALID, std::string(wrong.message())});
    return;
  }
  const bool accepted = FinishTraining(*member, report) || FinishEvaluation(*member, report);
  if (accepted) {
    reported.push_back(report.lease);
    if (reported.size() > kReportsRemembered) reported.pop_front();
  } else {
    Log(true, fmt::format("{} reports block {} of epoch {} by lease {}, which it does not hold",
                          member->Name(), report.block, report.epoch, report.lease));
  }
  actions_.push_back(BlockDoneAnswer{.accepted = accepted});
}

absl::Status Coordinator::CheckEvaluation(const Member& member, const BlockDone& report) {
  if (evaluation_ == nullptr || !evaluation_->queue().FindLease(report.lease).has_value() ||
      report.block >= evaluation_->queue().total()) {
    return absl::OkStatus();
  }
  absl::Status wrong =
      evaluation_->Check(report, static_cast<uint32_t>(options_.spec.schema().tasks_size()),
                         static_cast<uint32_t>(options_.spec.schema().scenarios_size()));
  if (wrong.ok()) return wrong;
  for (const uint32_t block : evaluation_->queue().Release(member.worker_id())) {
    Log(true, fmt::format("{} gives back block {} of {}: {}", member.Name(), block,
                          evaluation_->split(), std::string(wrong.message())));
  }
  return wrong;
}

bool Coordinator::FinishTraining(const Member& member, const BlockDone& report) {
  if (report.epoch != epoch_) return false;
  if (report.begun_routing_epoch < loss_routing_epoch_) {
    if (training_.GiveBack(member.worker_id(), report.lease)) {
      Log(false,
          fmt::format("block {} of epoch {}, which {} reports, was begun before a lane lost its "
                      "state: it is leased again",
                      report.block, report.epoch, member.Name()));
    }
    if (training_.Held(member.worker_id()) == 0) phases_.Deactivate(member.worker_id());
    return false;
  }
  if (training_.Finish(member.worker_id(), report.lease, report.block) !=
      BlockQueue::Outcome::kAccepted) {
    return false;
  }
  if (training_.Held(member.worker_id()) == 0) phases_.Deactivate(member.worker_id());
  return true;
}

bool Coordinator::FinishEvaluation(const Member& member, const BlockDone& report) {
  if (evaluation_ == nullptr) return false;
  if (evaluation_->queue().Finish(member.worker_id(), report.lease, report.block) !=
      BlockQueue::Outcome::kAccepted) {
    return false;
  }
  evaluation_->Add(report.cells);
  return true;
}

void Coordinator::On(const PhaseRequest& request) {
  Member* member = KnownMember(request.incarnation);
  if (member == nullptr) return;
  actions_.push_back(PhaseAnswer{.go = phases_.Ask(member->worker_id(), request.phase)});
}

void Coordinator::On(const StopRequest& request) {
  actions_.push_back(StopAnswer{});
  if (!HasTime()) return;
  if (!stop_.has_value()) Log(false, "asked to stop");
  // The second request may turn a stop with a checkpoint into one without.
  if (!stop_.has_value() || !request.checkpoint_first) {
    stop_ = Stop{.checkpoint_first = request.checkpoint_first && phase_ != Phase::kJoining,
                 .checkpoint_started = false,
                 .status = absl::CancelledError("stopped on request"),
                 .message = "stopped on request"};
  }
}

}  // namespace caravan::scheduler
