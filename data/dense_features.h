// Dense features: log1p of a daily series' total over the last days up to the anchor, one feature a
// series and window, named field.total_days (performance.flights.total_7).
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

struct DenseFeature {
  std::string field;  // group.column
  uint32_t days = 0;
};
std::string DenseName(const DenseFeature& feature);
// The inverse; INVALID_ARGUMENT for a name that is none of ours.
absl::StatusOr<DenseFeature> ParseDenseName(const std::string& name);

// x = sign(total) · log1p(|total|): totals of counts are what they are meant for, but a column may
// hold negative values and their totals must stay finite.
float DenseValue(double total);

// The total of a window's rows; NaN is a missing cell and counts as 0.
double Total(std::span<const float> values);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_DENSE_FEATURES_H_
