// What the scheduler tells of a run while it goes on: the one place from which metrics files,
// curves and reports are fed. launch implements it.
#ifndef CARAVAN_SCHEDULER_OBSERVER_H_
#define CARAVAN_SCHEDULER_OBSERVER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "net/wire.pb.h"

namespace caravan::scheduler {

// Sums over what workers report in heartbeats. Loss: weighted over tasks, mean over samples;
// without L2.
struct TrainingSums {
  uint64_t samples = 0;
  uint64_t batches = 0;
  uint64_t bytes_pulled = 0;
  uint64_t bytes_pushed = 0;
  double loss_sum = 0;                 // over samples
  std::vector<double> task_loss_sums;  // by task, over samples
  double staleness_sum = 0;            // over batches

  double loss() const { return samples == 0 ? 0 : loss_sum / static_cast<double>(samples); }
  double staleness() const {
    return batches == 0 ? 0 : staleness_sum / static_cast<double>(batches);
  }
};

struct Progress {
  double seconds = 0;         // since the run was started, by all its schedulers
  uint32_t epoch = 0;         // in progress, from 0
  std::string phase;          // as in the status: joining, training, evaluating, ...
  TrainingSums since_last;    // since the OnProgress before
  TrainingSums total;         // since then, as far as it was told
  uint64_t batches_done = 0;  // of the whole run: epochs before, and the done blocks of this one
  uint64_t batches_total = 0;
  double samples_per_s = 0;  // over the last seconds
  uint32_t workers_alive = 0;
  uint64_t resident_bytes = 0;  // all members' together
  double learning_rate_scale = 1;
};

struct EpochSummary {
  uint32_t epoch = 0;
  double seconds = 0;
  TrainingSums sums;  // of this epoch, as far as it was told
  // The ledger: samples that each shard applied in this epoch, by ShardId, and what each must have.
  std::vector<uint64_t> ledger;
  uint64_t ledger_expected = 0;
};

struct Evaluation {
  std::string split;   // valid, test
  uint32_t epoch = 0;  // the last one trained, from 0
  uint64_t samples = 0;
  double seconds = 0;
  std::vector<net::CellSums> cells;  // by task, then scenario; sums over the whole split
};

// Called from the scheduler's thread; what takes long holds up the run.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnProgress(const Progress& progress) = 0;  // about once a second
  virtual void OnEpoch(const EpochSummary& epoch) = 0;    // its ledger is checked and right
  virtual void OnEvaluation(const Evaluation& evaluation) = 0;
  // Complete: its MANIFEST is in place.
  virtual void OnCheckpoint(const std::string& directory, double seconds) = 0;
  // The last call. OK: all epochs are done (or stop_after_batches reached). CANCELLED: stopped on
  // request.
  virtual void OnRunEnd(const absl::Status& status) = 0;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_OBSERVER_H_
