// The daily rows of one (entity, scenario), and what a sample takes from them.
#ifndef CARAVAN_DATA_SERIES_H_
#define CARAVAN_DATA_SERIES_H_

#include <cstdint>
#include <span>
#include <vector>

namespace caravan::data {

// A day without a row is zero in every column.
struct Series {
  uint32_t entity = 0;
  uint32_t scenario = 0;
  uint32_t columns = 0;
  std::vector<int32_t> days;  // ascending, each once
  std::vector<float> values;  // [days, columns] row-major; NaN is a missing cell

  std::span<const float> Row(size_t row) const {
    return std::span<const float>(values).subspan(row * columns, columns);
  }
};

// Rows [first, last) of the days from `first_day` to `last_day`, both included.
struct RowRange {
  size_t first = 0;
  size_t last = 0;
};
RowRange RowsBetween(std::span<const int32_t> days, int32_t first_day, int32_t last_day);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SERIES_H_
