// What a worker has done so far, counted by the stages and reported by the heartbeat.
#ifndef CARAVAN_WORKER_WORKER_COUNTERS_H_
#define CARAVAN_WORKER_WORKER_COUNTERS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace caravan::worker {

// Totals since the worker joined.
struct WorkerTotals {
  uint64_t samples = 0;
  uint64_t batches = 0;
  double loss_sum = 0;                 // over samples
  std::vector<double> task_loss_sums;  // over samples
  double staleness_sum = 0;            // over batches
};

// Thread-safe.
class WorkerCounters {
 public:
  // A trained batch. Losses are means over its samples.
  void CountBatch(uint32_t samples, double loss, std::span<const double> task_losses) {
    MutexLock lock(&mutex_);
    totals_.samples += samples;
    ++totals_.batches;
    totals_.loss_sum += loss * samples;
    totals_.task_loss_sums.resize(task_losses.size());
    for (size_t t = 0; t < task_losses.size(); ++t) {
      totals_.task_loss_sums[t] += task_losses[t] * samples;
    }
  }
  void SetStaleness(double sum) {
    MutexLock lock(&mutex_);
    totals_.staleness_sum = sum;
  }
  WorkerTotals Read() const {
    MutexLock lock(&mutex_);
    return totals_;
  }

 private:
  mutable Mutex mutex_;
  WorkerTotals totals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_WORKER_COUNTERS_H_
