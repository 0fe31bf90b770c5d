// The split by time: which anchor days are training, validation and test. Pure.
#ifndef CARAVAN_DATA_SPLIT_H_
#define CARAVAN_DATA_SPLIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"

namespace caravan::data {

struct SplitRange {
  std::string name;          // train, valid, test, in this order
  int32_t first_anchor = 0;  // days since 1970-01-01
  int32_t last_anchor = 0;   // included
};

// `first_day`, `last_day`: of the daily file. Explicit ranges are checked: dates, order, a full
// history before and a full horizon behind each anchor, label windows of two splits apart. Without
// them every anchor that has both is used, 8:1:1, gap_days anchors skipped between two splits.
// INVALID_ARGUMENT names the range or field and what would be right.
absl::StatusOr<std::vector<SplitRange>> ResolveSplits(const conf::Data& data, int32_t first_day,
                                                      int32_t last_day);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SPLIT_H_
