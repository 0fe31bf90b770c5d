#include "launch/training.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/status_macros.h"
#include "launch/child_process.h"
#include "launch/cluster.h"
#include "launch/report/human_text.h"
#include "launch/scheduler_client.h"
#include "worker/turn_gate.h"

namespace caravan::launch {
namespace {

constexpr Millis kTendEvery{100};
constexpr Millis kAskEvery{1000};
constexpr Millis kAnswerPatience{2000};
// A scheduler that answers nothing for so long is taken for hung.
constexpr Millis kSilenceMax{120000};
constexpr Millis kLeaveGraceAtEnd{30000};

// One run on its way; lives in Train.
class Training {
 public:
  explicit Training(const TrainingOptions& options) : options_(options) {}

  absl::Status Run() {
    CARAVAN_ASSIGN_OR_RETURN(const std::string executable, OwnExecutable());
    CARAVAN_ASSIGN_OR_RETURN(
        cluster_,
        Cluster::Start({.executable = executable,
                        .run = options_.run,
                        .run_id = options_.spec.run_id(),
                        .sizes = options_.spec.job().cluster(),
                        .turns = worker::TurnGate::Slots(options_.spec.job().worker().turns()),
                        .listen = options_.listen,
                        .resume = options_.resume,
                        .say = [this](const std::string& line) { options_.printer->Say(line); }}));
    CARAVAN_ASSIGN_OR_RETURN(
        client_, SchedulerClient::Connect(cluster_->scheduler_endpoint(), options_.spec.run_id(),
                                          kAnswerPatience));
    heard_ = options_.clock->Now();
    const absl::Status status = Watch();
    // Who was told that the run is over leaves by itself; after a failure, or a second stop signal,
    // nobody is waited for.
    const bool leave_by_themselves = status.ok() || absl::IsCancelled(status);
    const bool at_once = options_.stop_signals->load() >= 2;
    cluster_->Stop(leave_by_themselves && !at_once ? kLeaveGraceAtEnd : Millis{0});
    return status;
  }

 private:
  // Until the scheduler has ended, or the run cannot go on.
  absl::Status Watch() {
    while (true) {
      const Millis now = options_.clock->Now();
      CARAVAN_RETURN_IF_ERROR(cluster_->Tend(
          {.phase = status_.phase(), .workers_alive = status_.workers_alive()}, now));
      if (cluster_->IsOver()) return End();
      CARAVAN_RETURN_IF_ERROR(FollowSignals());
      CARAVAN_RETURN_IF_ERROR(Ask(now));
      std::this_thread::sleep_for(kTendEvery);
    }
  }

  absl::Status Ask(Millis now) {
    if (answered_.has_value() && now - *answered_ < kAskEvery) return absl::OkStatus();
    absl::StatusOr<std::optional<scheduler::Status>> status = client_->PollStatus();
    if (status.ok() && !status->has_value()) return absl::OkStatus();
    answered_ = now;
    if (status.ok()) {
      status_ = **std::move(status);
      heard_ = now;
      silence_told_ = false;
      SayLedger();
      options_.printer->Update(status_);
      return absl::OkStatus();
    }
    if (now - heard_ >= kWorthTelling && !std::exchange(silence_told_, true)) {
      options_.printer->Say(
          fmt::format("the scheduler has not answered for {} s; it is waited for "
                      "up to {} s",
                      (now - heard_).count() / 1000, kSilenceMax.count() / 1000));
    }
    if (now - heard_ < kSilenceMax) return absl::OkStatus();
    return absl::DeadlineExceededError(fmt::format("the scheduler has not answered for {} s: {}",
                                                   kSilenceMax.count() / 1000,
                                                   std::string(status.status().message())));
  }

  // Once an epoch, when its count was found right.
  void SayLedger() {
    if (!status_.has_last_ledger()) return;
    const scheduler::LedgerStatus& ledger = status_.last_ledger();
    if (ledger_told_ == ledger.epoch()) return;
    ledger_told_ = ledger.epoch();
    options_.printer->Say(
        fmt::format("epoch {}: each of {} samples applied once on each of {} shards",
                    ledger.epoch() + 1, Thousands(ledger.samples()), Thousands(ledger.shards())));
  }

  absl::Status FollowSignals() {
    const int signals = options_.stop_signals->load();
    if (signals >= 2) {
      return absl::CancelledError("stopped at once; go on from the last checkpoint by --resume");
    }
    if (signals == 0 || stop_ordered_) return absl::OkStatus();
    const absl::Status ordered = client_->RequestStop(true);
    if (!ordered.ok()) {
      options_.printer->Say(fmt::format("the scheduler does not take the order to stop yet ({})",
                                        std::string(ordered.message())));
      return absl::OkStatus();
    }
    stop_ordered_ = true;
    options_.printer->Say("stopping after a checkpoint; Ctrl-C again stops at once");
    return absl::OkStatus();
  }

  absl::Status End() const {
    if (!stop_ordered_) return absl::OkStatus();
    return absl::CancelledError("stopped after a checkpoint; go on by --resume");
  }

  const TrainingOptions& options_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<SchedulerClient> client_;
  scheduler::Status status_;
  std::optional<Millis> answered_;  // or given up, the last question for the status
  Millis heard_{0};
  bool silence_told_ = false;
  std::optional<uint32_t> ledger_told_;  // the epoch
  bool stop_ordered_ = false;
};

}  // namespace

absl::Status Train(const TrainingOptions& options) { return Training(options).Run(); }

}  // namespace caravan::launch
