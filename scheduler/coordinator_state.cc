// Coordinator: its state as the journal holds it.
#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "scheduler/coordinator.h"

namespace caravan::scheduler {
namespace {

SumsState StateOf(const TrainingSums& sums) {
  SumsState state;
  state.set_samples(sums.samples);
  state.set_batches(sums.batches);
  state.set_bytes_pulled(sums.bytes_pulled);
  state.set_bytes_pushed(sums.bytes_pushed);
  state.set_loss_sum(sums.loss_sum);
  state.mutable_task_loss_sums()->Add(sums.task_loss_sums.begin(), sums.task_loss_sums.end());
  state.set_staleness_sum(sums.staleness_sum);
  return state;
}

TrainingSums SumsOf(const SumsState& state) {
  return {.samples = state.samples(),
          .batches = state.batches(),
          .bytes_pulled = state.bytes_pulled(),
          .bytes_pushed = state.bytes_pushed(),
          .loss_sum = state.loss_sum(),
          .task_loss_sums = {state.task_loss_sums().begin(), state.task_loss_sums().end()},
          .staleness_sum = state.staleness_sum()};
}

absl::Status StatusOf(int code, const std::string& text) {
  return {static_cast<absl::StatusCode>(code), text};
}

// Without what changes all the time and is only told along.
std::string Comparable(RunState run) {
  run.clear_epoch_millis();
  run.clear_run_millis();
  run.clear_epoch_sums();
  run.clear_total_sums();
  run.clear_peers_refused();
  for (PhaseState& phase : *run.mutable_phases()) phase.clear_asked();
  return run.SerializeAsString();
}
std::string Comparable(MemberState member) {
  member.clear_last_heartbeat();
  member.clear_samples();
  return member.SerializeAsString();
}

}  // namespace

RunState Coordinator::StateOfRun() const {
  RunState run;
  const conf::Cluster& cluster = options_.spec.job().cluster();
  run.set_run_id(options_.spec.run_id());
  run.set_job_fingerprint(options_.job_fingerprint);
  run.set_lanes_total(cluster.servers() * cluster.lanes());
  *run.mutable_block_plan() = options_.spec.block_plan();
  run.set_phase(static_cast<uint32_t>(phase_));
  run.set_routing_epoch(routing_epoch_);
  run.set_loss_routing_epoch(loss_routing_epoch_);
  run.set_epoch(epoch_);
  run.set_furthest_epoch(furthest_epoch_);
  run.set_epochs_told(epochs_told_);
  run.set_all_epochs_done(all_epochs_done_);
  if (early_stopping_.is_on()) *run.mutable_validation() = early_stopping_.state();
  run.set_next_lease(next_lease_);
  run.set_next_worker(membership_.next_worker());
  run.set_learning_rate_scale(learning_rate_scale_);
  if (evaluation_ != nullptr) run.add_evaluations(evaluation_->split());
  for (const std::string& split : evaluations_) run.add_evaluations(split);
  run.set_next_checkpoint(next_checkpoint_);
  run.set_checkpoint_in_flight(checkpoint_in_flight_.has_value());
  run.set_epoch_checkpoint_due(epoch_checkpoint_due_);
  run.set_changed_since_checkpoint(changed_since_checkpoint_);
  run.set_stop_requested(stop_.has_value());
  if (stop_.has_value()) {
    run.set_stop_checkpoint_first(stop_->checkpoint_first);
    run.set_stop_code(stop_->status.raw_code());
    run.set_stop_message(stop_->message);
  }
  run.set_end_code(end_status_.raw_code());
  run.set_end_text(std::string(end_status_.message()));
  run.set_end_message(end_message_);
  run.set_last_checkpoint_code(last_checkpoint_status_.raw_code());
  run.set_last_checkpoint_text(std::string(last_checkpoint_status_.message()));
  run.set_workers_lost(workers_lost_);
  run.set_servers_restarted(servers_restarted_);
  run.set_scheduler_starts(scheduler_starts_);
  run.set_peers_refused(peers_refused_);
  for (const uint32_t server : servers_with_loss_) run.add_servers_with_loss(server);
  phases_.Save(*run.mutable_phases());
  run.set_epoch_millis((now_ - epoch_begun_).count());
  run.set_run_millis(elapsed().count());
  *run.mutable_epoch_sums() = StateOf(meter_.epoch());
  *run.mutable_total_sums() = StateOf(meter_.total());
  return run;
}

JournalRecord Coordinator::WholeState() const {
  JournalRecord record;
  record.set_whole(true);
  *record.mutable_run() = StateOfRun();
  for (uint32_t block = 0; block < training_.total(); ++block) {
    *record.add_blocks() = training_.StateOf(block);
  }
  for (const auto& [incarnation, member] : membership_.members()) {
    *record.add_members() = Membership::StateOf(member);
  }
  return record;
}

std::optional<JournalRecord> Coordinator::TakeChanges() {
  JournalRecord record;
  const std::set<uint32_t> blocks = training_.TakeChanged();
  const std::set<uint64_t> members = membership_.TakeTouched();
  if (std::exchange(is_whole_due_, false)) {
    record = WholeState();
    run_told_ = Comparable(record.run());
    members_told_.clear();
    for (const MemberState& member : record.members()) {
      members_told_[member.incarnation()] = Comparable(member);
    }
    return record;
  }
  for (const uint32_t block : blocks) *record.add_blocks() = training_.StateOf(block);
  for (const uint64_t incarnation : members) {
    const Member* member = membership_.Find(incarnation);
    if (member == nullptr) {
      if (members_told_.erase(incarnation) > 0) record.add_members_gone(incarnation);
      continue;
    }
    MemberState state = Membership::StateOf(*member);
    std::string comparable = Comparable(state);
    std::string& told = members_told_[incarnation];
    if (comparable == told) continue;
    told = std::move(comparable);
    *record.add_members() = std::move(state);
  }
  RunState run = StateOfRun();
  std::string comparable = Comparable(run);
  const bool has_parts = record.ByteSizeLong() > 0;
  if (comparable == run_told_ && !has_parts) return std::nullopt;
  run_told_ = std::move(comparable);
  *record.mutable_run() = std::move(run);
  return record;
}

absl::Status Coordinator::SetState(const JournalRecord& state) {
  const RunState own = StateOfRun();
  const RunState& run = state.run();
  if (run.run_id() != own.run_id() || run.job_fingerprint() != own.job_fingerprint() ||
      run.lanes_total() != own.lanes_total() ||
      run.block_plan().SerializeAsString() != own.block_plan().SerializeAsString()) {
    return absl::FailedPreconditionError(fmt::format(
        "it is of run {:016x} with job {:016x} on {} lanes; this is run {:016x}, job {:016x}, {} "
        "lanes",
        run.run_id(), run.job_fingerprint(), run.lanes_total(), own.run_id(), own.job_fingerprint(),
        own.lanes_total()));
  }
  BeginEpoch(run.epoch(), {});
  for (const BlockState& block : state.blocks()) training_.SetState(block);
  for (const MemberState& member : state.members()) membership_.SetState(member, now_);
  SetRun(run);
  if (phase_ == Phase::kEvaluating) BeginNextEvaluation();
  return absl::OkStatus();
}

void Coordinator::SetRun(const RunState& run) {
  // One that died before its RunEnded was done has it still to say.
  phase_ = static_cast<Phase>(std::min(run.phase(), static_cast<uint32_t>(Phase::kStopping)));
  routing_epoch_ = run.routing_epoch();
  loss_routing_epoch_ = run.loss_routing_epoch();
  furthest_epoch_ = run.furthest_epoch();
  epochs_told_ = run.epochs_told();
  all_epochs_done_ = run.all_epochs_done();
  early_stopping_.SetState(run.validation());
  next_lease_ = run.next_lease();
  membership_.set_next_worker(run.next_worker());
  learning_rate_scale_ = run.learning_rate_scale();
  evaluations_.assign(run.evaluations().begin(), run.evaluations().end());
  // A journal that lacks its last records must not take the number of a checkpoint that is there.
  next_checkpoint_ = std::max(next_checkpoint_, run.next_checkpoint());
  epoch_checkpoint_due_ = run.epoch_checkpoint_due();
  changed_since_checkpoint_ = run.changed_since_checkpoint();
  if (run.stop_requested()) {
    stop_ = Stop{.checkpoint_first = run.stop_checkpoint_first(),
                 .checkpoint_started = false,
                 .status = StatusOf(run.stop_code(), run.stop_message()),
                 .message = run.stop_message()};
  }
  // Nobody is left to say whether it was completed: it is written again, under another number.
  if (run.checkpoint_in_flight()) {
    changed_since_checkpoint_ = true;
    if (phase_ > Phase::kCheckingLedger) epoch_checkpoint_due_ = true;
  }
  end_status_ = StatusOf(run.end_code(), run.end_text());
  end_message_ = run.end_message();
  last_checkpoint_status_ = StatusOf(run.last_checkpoint_code(), run.last_checkpoint_text());
  if (!last_checkpoint_status_.ok()) checkpoints_fail_since_ = now_;
  stopping_since_ = now_;
  workers_lost_ = run.workers_lost();
  servers_restarted_ = run.servers_restarted();
  scheduler_starts_ = run.scheduler_starts() + 1;
  peers_refused_ = run.peers_refused();
  servers_with_loss_ = {run.servers_with_loss().begin(), run.servers_with_loss().end()};
  phases_.Load(run.phases());
  epoch_begun_ = now_ - Millis{run.epoch_millis()};
  run_begun_ = now_ - Millis{run.run_millis()};
  meter_.Restore(SumsOf(run.total_sums()), SumsOf(run.epoch_sums()));
}

}  // namespace caravan::scheduler
