// Learns a data set's schema from its series: buckets and categories from the training days alone,
// means and deviations from the training samples, and how many samples there are.
#ifndef CARAVAN_DATA_SCHEMA_LEARNER_H_
#define CARAVAN_DATA_SCHEMA_LEARNER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "data/attribute_table.h"
#include "data/daily_layout.h"
#include "data/dense_features.h"
#include "data/discretiser.h"
#include "data/sample_rule.h"
#include "data/series.h"
#include "data/split.h"

namespace caravan::data {

// Owned and called by one thread. What is passed by reference outlives it. A training day is one up
// to the last training anchor; a category is learned from the entities and scenarios that have a
// row on a training day, a bucket from all values of the training days.
class SchemaLearner {
 public:
  struct Inputs {
    const conf::Data& data;
    const DailyLayout& layout;
    const SampleRule& rule;
    const AttributeTable& entities;
    const AttributeTable& scenarios;
    const std::vector<SplitRange>& splits;
  };
  explicit SchemaLearner(const Inputs& inputs);

  // Rows that lie in a split's histories, and samples.
  struct Share {
    uint64_t rows = 0;
    uint64_t samples = 0;
  };
  // Takes in a series, each once, and adds to `shares` [splits] what it gives to each split.
  // INVALID_ARGUMENT for a label that its task's loss does not allow, naming task and sample.
  absl::Status Add(const Series& series, std::vector<Share>& shares);

  // Everything but files, fingerprint and names. INVALID_ARGUMENT names a split without a sample.
  absl::StatusOr<conf::Schema> Finish() const;

 private:
  struct DenseSeries {
    size_t field = 0;  // index into DailyLayout.fields
    DenseStatistic statistic = DenseStatistic::kTotal;
    bool operator==(const DenseSeries&) const = default;
  };
  struct Moments {
    double sum = 0;
    double squares = 0;
  };

  static std::vector<std::optional<DenseSeries>> TaskSeries(const conf::Data& data,
                                                            const DailyLayout& layout);
  static std::vector<DenseSeries> AllDenseSeries(const Inputs& inputs);

  void LearnRows(const Series& series);
  void LearnExposure(size_t series, size_t window, double sum);
  uint32_t BestExposure(size_t task) const;
  absl::Status LearnSample(const Series& series, int32_t anchor, bool training);
  void AddScenarioFields(conf::Schema& schema) const;
  void AddProfileFields(conf::Schema& schema) const;
  void AddSequenceFields(conf::Schema& schema) const;
  void AddDenseFeatures(conf::Schema& schema) const;
  void AddTasks(conf::Schema& schema) const;

  const Inputs inputs_;
  const std::vector<uint32_t> windows_;          // of dense features
  std::vector<BucketLearner> sequence_buckets_;  // by sequence field
  std::vector<bool> entity_in_training_;
  std::vector<bool> scenario_in_training_;
  std::vector<double> label_sums_;                      // [tasks, scenarios], training samples
  std::vector<DenseSeries> dense_series_;               // dense features: [series, windows]
  std::vector<Moments> dense_moments_;                  // by dense feature, over training samples
  std::vector<std::optional<size_t>> exposure_series_;  // by task: the series that it goes on with
  std::vector<double> exposure_losses_;  // [tasks, windows] over training samples, eq. 19
  uint64_t training_samples_ = 0;
  std::vector<std::vector<uint64_t>> samples_;  // [splits][scenarios]
  std::vector<int32_t> anchors_;                // scratch
  std::vector<float> labels_;                   // scratch
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SCHEMA_LEARNER_H_
