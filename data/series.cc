#include "data/series.h"

#include <algorithm>

namespace caravan::data {

RowRange RowsBetween(std::span<const int32_t> days, int32_t first_day, int32_t last_day) {
  const auto first = std::lower_bound(days.begin(), days.end(), first_day);
  const auto last = std::upper_bound(first, days.end(), last_day);
  return {.first = static_cast<size_t>(first - days.begin()),
          .last = static_cast<size_t>(last - days.begin())};
}

}  // namespace caravan::data
