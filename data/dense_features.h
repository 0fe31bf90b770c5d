// Dense features: log1p of what a daily series comes to over the last days up to the anchor, one
// feature a series, statistic and window. field.total_days (performance.flights.total_7) is the
// total; field.nonzero_days (performance.flights.nonzero_7) counts the days that are not zero, of
// the columns whose days a task counts.
#ifndef CARAVAN_DATA_DENSE_FEATURES_H_
#define CARAVAN_DATA_DENSE_FEATURES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"

namespace caravan::data {

// The windows of a job, ascending, each once, none longer than the history; none at all where the
// job wants no dense features.
std::vector<uint32_t> DenseWindows(const conf::Data& data);

enum class DenseStatistic { kTotal, kDaysNonzero };

struct DenseFeature {
  std::string field;  // group.column
  DenseStatistic statistic = DenseStatistic::kTotal;
  uint32_t days = 0;
};
std::string DenseName(const DenseFeature& feature);
// The inverse; INVALID_ARGUMENT for a name that is none of ours.
absl::StatusOr<DenseFeature> ParseDenseName(const std::string& name);

// x = sign(total) · log1p(|total|): totals of counts are what they are meant for, but a column may
// hold negative values and their totals must stay finite.
float DenseValue(double total);

// Of one row, to be summed over a window's; NaN is a missing cell and counts as 0.
double DenseShare(DenseStatistic statistic, float value);
double DenseSum(DenseStatistic statistic, std::span<const float> values);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_DENSE_FEATURES_H_
