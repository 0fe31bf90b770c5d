// Predictions that need no training: what a model has to beat to be worth its machines.
//   last window again          the series' total over the last horizon's worth of days
//   mean of the longer window  its total over the longest dense window, scaled to the horizon
//   scenario mean              the mean label of the scenario's training samples
// They come from the sample files alone: totals from the dense features, active days from the daily
// value ids.
#ifndef CARAVAN_LAUNCH_COMPARE_YARDSTICKS_H_
#define CARAVAN_LAUNCH_COMPARE_YARDSTICKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "data/batch.h"

namespace caravan::launch {

// Owned and called by one thread.
class Yardsticks {
 public:
  // Reads the training split of `data_directory` once, for the scenarios' means.
  static absl::StatusOr<Yardsticks> Create(const conf::Job& job, const conf::Schema& schema,
                                           const std::string& data_directory);

  // In the order of Predict. A window that the dense features do not have has no yardstick.
  const std::vector<std::string>& names() const { return names_; }
  // What yardstick `number` predicts for `sample` of a batch and a task; >= 0.
  double Predict(size_t number, const data::Batch& batch, uint32_t sample, uint32_t task) const;

 private:
  // A task's column in the batch.
  struct Series {
    bool counts_days = false;      // DAYS_NONZERO, ANY_NONZERO
    bool any = false;              // ANY_NONZERO
    int ids = -1;                  // index into Batch.ids; -1: the column is no feature
    std::vector<int> totals = {};  // by window: index into the dense features, or -1
  };

  double Window(uint32_t window, const Series& series, const data::Batch& batch,
                uint32_t sample) const;
  absl::Status LearnMeans(const conf::Schema& schema, const std::string& data_directory);

  uint32_t history_days_ = 0;
  uint32_t horizon_days_ = 0;
  uint32_t scenarios_ = 0;
  std::vector<uint32_t> windows_;  // days, by yardstick, the first ones
  std::vector<std::string> names_;
  std::vector<Series> series_;  // by task
  std::vector<float> dense_means_;
  std::vector<float> dense_deviations_;
  std::vector<double> means_;  // [tasks, scenarios]
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMPARE_YARDSTICKS_H_
