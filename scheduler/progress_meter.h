// Adds up what workers report: in all, in this epoch, since the last progress report, and over the
// last ten seconds, which is what speed and loss are shown from.
#ifndef CARAVAN_SCHEDULER_PROGRESS_METER_H_
#define CARAVAN_SCHEDULER_PROGRESS_METER_H_

#include <deque>
#include <utility>

#include "base/clock.h"
#include "scheduler/observer.h"

namespace caravan::scheduler {

void AddSums(const TrainingSums& more, TrainingSums& sums);

class ProgressMeter {
 public:
  explicit ProgressMeter(Millis start) : start_(start) {}

  void Add(const TrainingSums& sums, Millis now);
  // Begins a new epoch's sums; returns the old one's.
  TrainingSums TakeEpoch();
  // What came since the last call.
  TrainingSums TakeSinceLast();

  const TrainingSums& total() const { return total_; }
  const TrainingSums& epoch() const { return epoch_; }
  // Goes on from sums that a meter before had.
  void Restore(const TrainingSums& total, const TrainingSums& epoch) {
    total_ = total;
    epoch_ = epoch;
  }
  // Sums of the last ten seconds, and the speed in them.
  TrainingSums Recent(Millis now) const;
  double SamplesPerSecond(Millis now) const;

 private:
  static constexpr Millis kWindow{10000};
  static constexpr Millis kBucket{1000};

  const Millis start_;
  TrainingSums total_;
  TrainingSums epoch_;
  TrainingSums since_last_;
  std::deque<std::pair<Millis, TrainingSums>> buckets_;  // by the time a bucket begins
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_PROGRESS_METER_H_
