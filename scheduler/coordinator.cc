#include "scheduler/coordinator.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace caravan::scheduler {
namespace {

SplitBlocks TrainBlocks(const CoordinatorOptions& options) {
  for (const SplitBlocks& blocks : options.splits) {
    if (blocks.split == "train") return blocks;
  }
  return {.split = "train", .samples = {}};
}

// The checkpoint that holds what all the training came to is tried again when it fails, mostly for
// want of room that somebody can make: after a pause, and for so long.
constexpr Millis kLastCheckpointPause{5'000};
constexpr Millis kLastCheckpointPatience{120'000};

// How many workers may be members at once: those expected, as many again while the dead are not yet
// known for dead, and some more.
uint32_t WorkersMax(const conf::Cluster& cluster) { return 2 * cluster.workers() + 64; }

}  // namespace

Coordinator::Coordinator(const CoordinatorOptions& options, Millis now)
    : options_(options),
      training_options_(options.spec.job().training()),
      now_(now),
      membership_(options.spec.job().cluster().servers(), options.spec.job().cluster().lanes(),
                  WorkersMax(options.spec.job().cluster()),
                  Millis{options.spec.job().cluster().dead_after_ms()}),
      phases_(training_options_.consistency(), training_options_.staleness_bound()),
      meter_(now),
      train_(TrainBlocks(options)),
      training_({}, {}),
      early_stopping_(training_options_, options.start.validation),
      next_checkpoint_(options.first_checkpoint),
      last_checkpoint_at_(now),
      run_begun_(now),
      last_tick_(now),
      worker_seen_at_(now),
      servers_ready_at_(now),
      servers_in_at_(now),
      settled_at_(now) {
  const QueueSnapshot& start = options.start;
  // A finished run goes on where the job has more epochs now.
  const uint32_t next_epoch = start.finished ? start.epoch + 1 : start.epoch;
  epochs_told_ = next_epoch;
  all_epochs_done_ =
      next_epoch >= training_options_.epochs() || (start.finished && early_stopping_.has_stopped());
  if (!all_epochs_done_) {
    BeginEpoch(next_epoch, start.finished ? std::vector<uint32_t>() : start.done_blocks);
    return;
  }
  std::vector<uint32_t> all(train_.samples.size());
  for (uint32_t block = 0; block < all.size(); ++block) all[block] = block;
  BeginEpoch(std::min(start.epoch, training_options_.epochs() - 1), all);
}

std::vector<Action> Coordinator::Step(const Event& event, Millis now) {
  now_ = now;
  actions_.clear();
  std::visit([this](const auto& one) { On(one); }, event);
  Advance();
  return std::exchange(actions_, {});
}

void Coordinator::On(const TimePassed&) {
  DropDead();
  CheckWaits();
}

void Coordinator::Advance() {
  Phase before = phase_;
  do {
    before = phase_;
    CollectMissingMarks();
    AdvanceStop();
    switch (phase_) {
      case Phase::kJoining:
        if (membership_.ServersReady()) BeginTraining();
        break;
      case Phase::kTraining:
        AdvanceTraining();
        break;
      case Phase::kCheckingLedger:  // until LedgerCounted
        if (!IsSettled() || ledger_asked_ == routing_epoch_) break;
        ledger_asked_ = routing_epoch_;
        actions_.push_back(CountLedger{epoch_, routing_epoch_});
        break;
      case Phase::kEvaluating:
        if (evaluation_->queue().all_done()) EndEvaluation();
        if (phase_ == Phase::kEvaluating && epoch_checkpoint_due_ && !checkpoint_in_flight_ &&
            !stop_ && MayCheckpoint() && !IsJudging()) {
          StartCheckpoint();
        }
        break;
      case Phase::kClosing:
        CloseEpoch();
        break;
      case Phase::kStopping:
        if ((membership_.AllTold(net::WORKER) && membership_.AllTold(net::SERVER)) ||
            now_ - stopping_since_ > StopGrace()) {
          phase_ = Phase::kEnded;
          actions_.push_back(RunEnded{end_status_});
        }
        break;
      case Phase::kEnded:
        break;
    }
  } while (phase_ != before);
}

void Coordinator::BeginTraining() {
  routing_epoch_ = options_.first_routing_epoch;
  epoch_begun_ = last_checkpoint_at_ = now_;
  Log(false, fmt::format("all {} servers are ready; epoch {} of {}, {} of {} blocks done",
                         membership_.Count(net::SERVER), epoch_, training_options_.epochs(),
                         training_.done(), training_.total()));
  phase_ = all_epochs_done_ ? Phase::kEvaluating : Phase::kTraining;
  if (!all_epochs_done_) return;
  evaluations_ = {"test"};
  BeginNextEvaluation();
}

void Coordinator::AdvanceTraining() {
  if (stop_ || !IsSettled()) return;
  const uint64_t stop_after = options_.spec.stop_after_batches();
  if (BatchesLeft() == 0 && training_.leased() == 0 && stop_after < batches_total()) {
    const std::string text = fmt::format("stopped after {} batches, as asked", batches_done());
    stop_ = Stop{.checkpoint_first = true,
                 .checkpoint_started = false,
                 .status = absl::OkStatus(),
                 .message = text};
    AdvanceStop();
    return;
  }
  if (training_.all_done()) {
    phase_ = Phase::kCheckingLedger;
    ledger_asked_ = 0;
    return;
  }
  const Millis every = Millis{1000} * options_.spec.job().checkpoint().every_seconds();
  if (every.count() > 0 && !checkpoint_in_flight_ && now_ - last_checkpoint_at_ >= every &&
      MayCheckpoint()) {
    StartCheckpoint();
  }
}

void Coordinator::AdvanceStop() {
  if (!stop_.has_value() || !HasTime()) return;
  if (stop_->checkpoint_first) {
    if (checkpoint_in_flight_ || !IsSettled()) return;
    if (stop_->checkpoint_started && !last_checkpoint_status_.ok()) {
      const std::string text = fmt::format("{}, but the checkpoint failed: {}", stop_->message,
                                           last_checkpoint_status_.ToString());
      End(absl::InternalError(text), text);
      return;
    }
    if (!stop_->checkpoint_started && changed_since_checkpoint_) {
      if (!MayCheckpoint()) {
        End(stop_->status,
            fmt::format("{}, without a checkpoint: a lane that has lost its state is still being "
                        "trained on epoch {}; the last complete one holds",
                        stop_->message, epoch_));
        return;
      }
      StartCheckpoint();
      stop_->checkpoint_started = true;
      return;
    }
  }
  End(stop_->status, stop_->message);
}

std::string Coordinator::WhatIsWrongWithLedger(const LedgerCounted& ledger) const {
  if (!ledger.status.ok()) return std::string(ledger.status.message());
  const uint32_t shards = options_.spec.job().cluster().shards();
  const uint64_t expected = train_.TotalSamples();
  if (ledger.samples.size() != shards) {
    return fmt::format("{} shards answered, there are {}", ledger.samples.size(), shards);
  }
  uint32_t wrong = 0;
  std::string first;
  for (uint32_t shard = 0; shard < shards; ++shard) {
    if (ledger.samples[shard] == expected) continue;
    if (wrong++ == 0) first = fmt::format("shard {} applied {}", shard, ledger.samples[shard]);
  }
  if (wrong == 0) return "";
  return fmt::format("{} of {} shards did not apply each of the {} samples once: {}", wrong, shards,
                     expected, first);
}

void Coordinator::On(const LedgerCounted& ledger) {
  if (phase_ != Phase::kCheckingLedger || ledger.epoch != epoch_ ||
      ledger.routing_epoch != routing_epoch_) {
    return;
  }
  if (!IsSettled()) {
    ledger_asked_ = 0;  // asked for again when the server that is away is heard of
    return;
  }
  if (const std::string wrong = WhatIsWrongWithLedger(ledger); !wrong.empty()) {
    const std::string text = fmt::format("the ledger of epoch {} is off: {}", epoch_, wrong);
    End(absl::DataLossError(text), text);
    return;
  }
  // An epoch of which a lane had lost a part was told before.
  if (epoch_ >= epochs_told_) {
    epochs_told_ = epoch_ + 1;
    actions_.push_back(
        EpochEnded{{.epoch = epoch_,
                    .seconds = static_cast<double>((now_ - epoch_begun_).count()) / 1000,
                    .sums = meter_.TakeEpoch(),
                    .ledger = ledger.samples,
                    .ledger_expected = train_.TotalSamples()}});
  }
  phase_ = Phase::kEvaluating;
  evaluations_.clear();
  if (epoch_ < furthest_epoch_) {
    Log(false, fmt::format("epoch {} is whole again on every shard", epoch_));
    epoch_checkpoint_due_ = false;
    BeginNextEvaluation();
    return;
  }
  const bool is_last = IsLastEpoch();
  all_epochs_done_ = is_last;
  const auto falls_due = [this](uint32_t every) { return every > 0 && (epoch_ + 1) % every == 0; };
  if (falls_due(training_options_.evaluate_every_epochs())) evaluations_.push_back("valid");
  if (is_last) evaluations_.push_back("test");
  epoch_checkpoint_due_ = is_last || falls_due(options_.spec.job().checkpoint().every_epochs());
  BeginNextEvaluation();
}

void Coordinator::BeginNextEvaluation() {
  evaluation_ = nullptr;
  while (!evaluations_.empty()) {
    const SplitBlocks* blocks = FindSplit(evaluations_.front());
    evaluations_.pop_front();
    if (blocks == nullptr || blocks->samples.empty()) continue;
    evaluation_ = std::make_unique<EvaluationRound>(
        *blocks, options_.spec.block_plan().batch_size(), epoch_, now_);
    return;
  }
  phase_ = Phase::kClosing;
}

// The validation split's score may be the end of training.
void Coordinator::EndEvaluation() {
  const Evaluation evaluation = evaluation_->Result(now_);
  if (IsJudging()) {
    early_stopping_.Add(epoch_, ValidationScore(options_.spec.job(), evaluation));
    if (early_stopping_.has_stopped() && !all_epochs_done_) {
      Log(false, fmt::format("training stops early after epoch {} of {}: {}", epoch_ + 1,
                             training_options_.epochs(), early_stopping_.Reason()));
      all_epochs_done_ = epoch_checkpoint_due_ = true;
      evaluations_.push_back("test");
    }
  }
  actions_.push_back(EvaluationEnded{evaluation});
  BeginNextEvaluation();
}

void Coordinator::CloseEpoch() {
  if (checkpoint_in_flight_ || stop_ || !IsSettled()) return;
  const bool is_tried_again =
      all_epochs_done_ && checkpoints_fail_since_.has_value() &&
      last_checkpoint_at_ - *checkpoints_fail_since_ < kLastCheckpointPatience;
  if (is_tried_again && !epoch_checkpoint_due_) {
    if (now_ - last_checkpoint_at_ < kLastCheckpointPause) return;
    epoch_checkpoint_due_ = true;
  }
  if (epoch_checkpoint_due_ && MayCheckpoint()) {
    StartCheckpoint();
  } else if (!all_epochs_done_) {
    BeginEpoch(epoch_ + 1, {});
    phase_ = Phase::kTraining;
  } else if (!last_checkpoint_status_.ok()) {
    const std::string text = fmt::format("all epochs are done, but the last checkpoint failed: {}",
                                         last_checkpoint_status_.ToString());
    End(absl::InternalError(text), text);
  } else {
    End(absl::OkStatus(),
        epoch_ + 1 == training_options_.epochs()
            ? "all epochs are done"
            : fmt::format("training stopped early, after epoch {} of {}: {}", epoch_ + 1,
                          training_options_.epochs(), early_stopping_.Reason()));
  }
}

void Coordinator::BeginEpoch(uint32_t epoch, const std::vector<uint32_t>& done) {
  epoch_ = epoch;
  furthest_epoch_ = std::max(furthest_epoch_, epoch);
  epoch_begun_ = now_;
  training_ = BlockQueue(train_.Batches(options_.spec.block_plan().batch_size()), done);
  training_.ShuffleOrder(training_options_.seed(), epoch);
  is_whole_due_ = true;
}

void Coordinator::StartCheckpoint() {
  epoch_checkpoint_due_ = epoch_checkpoint_due_ && phase_ <= Phase::kCheckingLedger;
  checkpoint_in_flight_ = next_checkpoint_++;
  // What is leased now goes on being applied while the lanes write, and after.
  changed_since_checkpoint_ = training_.leased() > 0;
  actions_.push_back(WriteCheckpoint{*checkpoint_in_flight_, Snapshot()});
}

void Coordinator::DropCheckpointInFlight() {
  if (!checkpoint_in_flight_) return;
  actions_.push_back(DropCheckpoint{*checkpoint_in_flight_});
  checkpoint_in_flight_.reset();
  changed_since_checkpoint_ = true;
  if (phase_ > Phase::kCheckingLedger) epoch_checkpoint_due_ = true;
  if (stop_) stop_->checkpoint_started = false;
}

void Coordinator::On(const CheckpointEnded& checkpoint) {
  if (checkpoint_in_flight_ != checkpoint.checkpoint) return;
  checkpoint_in_flight_.reset();
  last_checkpoint_at_ = now_;
  last_checkpoint_status_ = checkpoint.status;
  if (checkpoint.status.ok()) {
    checkpoints_fail_since_.reset();
    actions_.push_back(CheckpointWritten{checkpoint.checkpoint});
    return;
  }
  changed_since_checkpoint_ = true;
  if (!checkpoints_fail_since_.has_value()) checkpoints_fail_since_ = now_;
  Log(true, fmt::format("checkpoint {} failed: {}; {}", checkpoint.checkpoint,
                        checkpoint.status.ToString(),
                        all_epochs_done_ && !stop_ ? "it is the last one, and is tried again"
                                                   : "the run goes on from memory"));
}

QueueSnapshot Coordinator::Snapshot() const {
  const conf::ValidationState& validation = early_stopping_.state();
  if (all_epochs_done_) return {epoch_, training_.DoneBlocks(), true, epoch_, validation};
  if (phase_ <= Phase::kCheckingLedger) {
    return {epoch_, training_.DoneBlocks(), false, std::nullopt, validation};
  }
  return {epoch_ + 1, {}, false, epoch_, validation};
}

void Coordinator::End(absl::Status status, std::string message) {
  if (!HasTime()) return;
  Log(!status.ok(), message);
  phase_ = Phase::kStopping;
  stopping_since_ = now_;
  end_status_ = std::move(status);
  end_message_ = std::move(message);
}

uint64_t Coordinator::batches_done() const {
  return uint64_t{epoch_} * training_.batches_total() + training_.batches_done();
}
uint64_t Coordinator::batches_total() const {
  return uint64_t{training_options_.epochs()} * training_.batches_total();
}

uint64_t Coordinator::BatchesLeft() const {
  const uint64_t stop_after = options_.spec.stop_after_batches();
  if (stop_after == 0) return UINT64_MAX;
  const uint64_t begun = batches_done() + training_.batches_leased();
  return stop_after > begun ? stop_after - begun : 0;
}

const SplitBlocks* Coordinator::FindSplit(const std::string& split) const {
  for (const SplitBlocks& blocks : options_.splits) {
    if (blocks.split == split) return &blocks;
  }
  return nullptr;
}

Millis Coordinator::StopGrace() const {
  return std::max(Millis{3000}, 3 * Millis{options_.spec.job().cluster().heartbeat_ms()});
}

void Coordinator::Log(bool warning, std::string text) {
  actions_.push_back(LogLine{.warning = warning, .text = std::move(text)});
}

}  // namespace caravan::scheduler
