#include "scheduler/progress_meter.h"

#include <algorithm>

namespace caravan::scheduler {

void AddSums(const TrainingSums& more, TrainingSums& sums) {
  sums.samples += more.samples;
  sums.batches += more.batches;
  sums.bytes_pulled += more.bytes_pulled;
  sums.bytes_pushed += more.bytes_pushed;
  sums.loss_sum += more.loss_sum;
  sums.staleness_sum += more.staleness_sum;
  if (sums.task_loss_sums.size() < more.task_loss_sums.size()) {
    sums.task_loss_sums.resize(more.task_loss_sums.size());
  }
  for (size_t task = 0; task < more.task_loss_sums.size(); ++task) {
    sums.task_loss_sums[task] += more.task_loss_sums[task];
  }
}

void ProgressMeter::Add(const TrainingSums& sums, Millis now) {
  AddSums(sums, total_);
  AddSums(sums, epoch_);
  AddSums(sums, since_last_);
  if (buckets_.empty() || now - buckets_.back().first >= kBucket) {
    buckets_.emplace_back(now, TrainingSums());
  }
  AddSums(sums, buckets_.back().second);
  while (now - buckets_.front().first > kWindow) buckets_.pop_front();
}

TrainingSums ProgressMeter::TakeEpoch() { return std::exchange(epoch_, TrainingSums()); }

TrainingSums ProgressMeter::TakeSinceLast() { return std::exchange(since_last_, TrainingSums()); }

TrainingSums ProgressMeter::Recent(Millis now) const {
  TrainingSums sums;
  for (const auto& [begun, bucket] : buckets_) {
    if (now - begun <= kWindow) AddSums(bucket, sums);
  }
  return sums;
}

double ProgressMeter::SamplesPerSecond(Millis now) const {
  const Millis span = std::clamp(now - start_, kBucket, kWindow);
  return static_cast<double>(Recent(now).samples) * 1000 / static_cast<double>(span.count());
}

}  // namespace caravan::scheduler
