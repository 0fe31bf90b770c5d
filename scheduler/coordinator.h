// Decides everything of a run: who is in, who trains which block, when an epoch is over, when to
// evaluate, checkpoint and stop. A pure state machine: no thread, no clock, no socket; the same
// events at the same times give the same actions. The driver feeds it and does what it says.
//
//   joining → training → checking_ledger → evaluating → closing → training of the next epoch …
//                                                          ↘ after the last: stopping → ended
//
// An epoch is over when every block is done; then each shard must have applied every sample once
// (the ledger), the validation split is scored, and a checkpoint is written beside that. The epoch
// does not advance while a checkpoint is being written. A worker that dies gives its blocks back.
//
// A server that dies keeps its place until another takes it, and everybody waits meanwhile: no
// block is leased, no ledger counted, no checkpoint begun. Each takeover raises the routing epoch.
// Where the lanes come back with less than they had acknowledged, what they lack is leased again,
// from earlier epochs too, before anything else is decided; the other shards drop what they have.
//
// All that must outlive the process is in the journal: TakeChanges says what, SetState takes it
// back.
#ifndef CARAVAN_SCHEDULER_COORDINATOR_H_
#define CARAVAN_SCHEDULER_COORDINATOR_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "conf/run_spec.pb.h"
#include "scheduler/block_queue.h"
#include "scheduler/early_stopping.h"
#include "scheduler/evaluation_round.h"
#include "scheduler/events.h"
#include "scheduler/journal.pb.h"
#include "scheduler/membership.h"
#include "scheduler/phase_clock.h"
#include "scheduler/progress_meter.h"

namespace caravan::scheduler {

struct CoordinatorOptions {
  conf::RunSpec spec;
  uint64_t job_fingerprint = 0;
  uint64_t model_fingerprint = 0;
  std::vector<SplitBlocks> splits;  // "train", and "valid" and "test" where there are such
  QueueSnapshot start;              // of the checkpoint to go on from
  uint64_t first_checkpoint = 1;    // number of the next one to write
  // Above every routing epoch that members of this run may have heard of.
  uint32_t first_routing_epoch = 1;
};

class Coordinator {
 public:
  enum class Phase {
    kJoining,
    kTraining,
    kCheckingLedger,
    kEvaluating,
    kClosing,
    kStopping,
    kEnded
  };

  Coordinator(const CoordinatorOptions& options, Millis now);

  std::vector<Action> Step(const Event& event, Millis now);

  // What Steps have changed of the state since the last call, nothing where that need not be
  // remembered: in the journal before what the Steps returned is done. The first is whole, as is
  // that of each epoch's beginning.
  std::optional<JournalRecord> TakeChanges();
  // What TakeChanges gave is not remembered anywhere: the next one is whole.
  void TakeChangesAnew() { is_whole_due_ = true; }
  // All of the state.
  JournalRecord WholeState() const;
  // Goes on from a state: a whole one, of this run. To be called before the first Step.
  // FAILED_PRECONDITION where it is of another run or of another number of lanes.
  absl::Status SetState(const JournalRecord& state);

  // What the status shows.
  Phase phase() const { return phase_; }
  const conf::RunSpec& spec() const { return options_.spec; }
  uint32_t epoch() const { return epoch_; }
  // 0 until all servers are in and ready, then CoordinatorOptions::first_routing_epoch.
  uint32_t routing_epoch() const { return routing_epoch_; }
  const Membership& membership() const { return membership_; }
  ProgressMeter& meter() { return meter_; }
  const ProgressMeter& meter() const { return meter_; }
  // The blocks in progress: of the evaluation round, or else of training.
  const BlockQueue& queue() const { return evaluation_ ? evaluation_->queue() : training_; }
  const BlockQueue& training_queue() const { return training_; }
  std::string split() const { return evaluation_ ? evaluation_->split() : "train"; }
  uint64_t batches_done() const;
  uint64_t batches_total() const;
  float learning_rate_scale() const { return learning_rate_scale_; }
  bool checkpoint_in_progress() const { return checkpoint_in_flight_.has_value(); }
  uint32_t workers_lost() const { return workers_lost_; }
  uint32_t servers_restarted() const { return servers_restarted_; }
  // 1, and 1 more for each state that was gone on from.
  uint32_t scheduler_starts() const { return scheduler_starts_; }
  // All servers serve, and no lane lacks what it had acknowledged.
  bool IsSettled() const { return membership_.ServersReady() && servers_with_loss_.empty(); }
  // What the run as a whole waits for, if for longer than 5 s: "server 2 (host:pid) (lost) for 7.1
  // s".
  std::string WaitingFor() const;
  // Since the run began, of all schedulers that led it.
  Millis elapsed() const { return now_ - run_begun_; }
  uint64_t peers_refused() const { return peers_refused_; }
  const absl::Status& end_status() const { return end_status_; }
  const std::string& end_message() const { return end_message_; }

 private:
  // coordinator_requests.cc: what peers ask.
  void On(const Hello& hello);
  void On(const Heartbeat& heartbeat);
  void On(const LeaseRequest& request);
  void On(const BlockDone& report);
  void On(const PhaseRequest& request);
  void On(const StopRequest& request);
  Member* KnownMember(uint64_t incarnation);  // answers NOT_A_MEMBER where there is none
  std::string WhyRefused(const Hello& hello) const;
  LeaseAnswer TrainingLease(Member& member);
  LeaseAnswer EvaluationLease(Member& member);
  bool FinishTraining(const Member& member, const BlockDone& report);
  bool FinishEvaluation(const Member& member, const BlockDone& report);
  // What is wrong with an evaluation's sums; the lease is given back then.
  absl::Status CheckEvaluation(const Member& member, const BlockDone& report);

  // coordinator_recovery.cc: who dies, comes back, and what that costs.
  void DropDead();
  void CheckWaits();
  void EndWithoutServers();
  void ReleaseWorker(const Member& worker, const std::string& why);
  void Admit(Member& server, bool is_takeover);
  void HearServer(Member& server, const Heartbeat& heartbeat);
  void On(const MarksCollected& collected);
  void CollectMissingMarks();
  void Repair(const std::vector<LaneMarks>& lanes);
  void TrainAgain(uint32_t epoch, const std::vector<uint32_t>& marks);

  // coordinator_state.cc
  RunState StateOfRun() const;
  void SetRun(const RunState& run);

  // coordinator.cc: what the driver reports, and how the run goes on.
  void On(const LedgerCounted& ledger);
  void On(const CheckpointEnded& checkpoint);
  void On(const TimePassed&);
  void Advance();
  void AdvanceTraining();
  void BeginTraining();
  void AdvanceStop();
  void BeginEpoch(uint32_t epoch, const std::vector<uint32_t>& done);
  void CloseEpoch();
  void BeginNextEvaluation();
  void EndEvaluation();
  // Whether training goes on is not known before this evaluation's end.
  bool IsJudging() const { return early_stopping_.is_on() && evaluation_->split() == "valid"; }
  // The end of this epoch is the end of training.
  bool IsLastEpoch() const {
    return epoch_ + 1 == training_options_.epochs() || early_stopping_.has_stopped();
  }
  // Not while some lanes are an epoch behind the others: a restore onto other lanes would have to
  // tell their marks apart.
  bool MayCheckpoint() const { return IsSettled() && epoch_ == furthest_epoch_; }
  void StartCheckpoint();
  void DropCheckpointInFlight();
  void End(absl::Status status, std::string message);
  std::string WhatIsWrongWithLedger(const LedgerCounted& ledger) const;
  QueueSnapshot Snapshot() const;
  const SplitBlocks* FindSplit(const std::string& split) const;
  uint64_t BatchesLeft() const;  // that may still be leased
  bool HasTime() const { return phase_ < Phase::kStopping; }
  Millis StopGrace() const;
  void Log(bool warning, std::string text);

  const CoordinatorOptions options_;
  const conf::Training training_options_;
  Millis now_;
  std::vector<Action> actions_;
  Phase phase_ = Phase::kJoining;
  uint32_t routing_epoch_ = 0;
  Membership membership_;
  PhaseClock phases_;
  ProgressMeter meter_;
  const SplitBlocks train_;

  uint32_t epoch_ = 0;
  uint32_t furthest_epoch_ = 0;  // that was ever begun
  uint32_t epochs_told_ = 0;     // whose end was told
  bool all_epochs_done_ = false;
  Millis epoch_begun_{0};
  BlockQueue training_;
  uint64_t next_lease_ = 1;
  float learning_rate_scale_ = 1;

  EarlyStopping early_stopping_;
  std::deque<std::string> evaluations_;  // splits still to be scored in this epoch
  std::unique_ptr<EvaluationRound> evaluation_;

  uint64_t next_checkpoint_;
  std::optional<uint64_t> checkpoint_in_flight_;
  bool epoch_checkpoint_due_ = false;
  bool changed_since_checkpoint_ = false;
  Millis last_checkpoint_at_;
  std::optional<Millis> checkpoints_fail_since_;

  struct Stop {
    bool checkpoint_first = false;
    bool checkpoint_started = false;
    absl::Status status;
    std::string message;
  };
  std::optional<Stop> stop_;
  absl::Status last_checkpoint_status_;
  absl::Status end_status_;
  std::string end_message_;
  Millis stopping_since_{0};

  std::set<uint32_t> servers_with_loss_;  // their lanes' marks are not known yet
  // BlockDone counts for nothing where the block was begun in an earlier routing epoch.
  uint32_t loss_routing_epoch_ = 0;
  // Asked for in this routing epoch; 0: not yet, or to be asked for again.
  uint32_t ledger_asked_ = 0;
  uint32_t marks_asked_ = 0;
  uint32_t servers_restarted_ = 0;
  uint32_t scheduler_starts_ = 1;

  Millis run_begun_;
  Millis last_tick_;
  Millis worker_seen_at_;
  Millis servers_ready_at_;  // when they last were all ready
  Millis servers_in_at_;     // when each place last had one, ready or not
  Millis settled_at_;        // when it last was settled
  Millis wait_told_at_{0};
  uint32_t workers_lost_ = 0;
  uint64_t peers_refused_ = 0;

  // What TakeChanges compares with.
  std::string run_told_;
  std::map<uint64_t, std::string> members_told_;  // by incarnation
  bool is_whole_due_ = true;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_COORDINATOR_H_
