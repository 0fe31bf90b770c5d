// The daily file as a stream of checked rows.
#ifndef CARAVAN_DATA_DAILY_READER_H_
#define CARAVAN_DATA_DAILY_READER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "data/attribute_table.h"
#include "data/csv_reader.h"
#include "data/daily_layout.h"

namespace caravan::data {

struct DailyRow {
  int32_t day = 0;                // days since 1970-01-01
  uint32_t entity = 0;            // row of the entities' table
  uint32_t scenario = 0;          // row of the scenarios' table
  std::span<const float> values;  // by DailyLayout.columns; NaN is an empty cell
};

// Owned and called by one thread. An entity that `entities` lacks is added to it, with every
// attribute missing; `entities` and `scenarios` outlive the reader.
class DailyReader {
 public:
  // NOT_FOUND names a column that is missing.
  static absl::StatusOr<DailyReader> Open(const std::string& path, const conf::Data& data,
                                          const DailyLayout& layout, AttributeTable& entities,
                                          const AttributeTable& scenarios);

  // The next row, alive till the next call; false at the end. INVALID_ARGUMENT names file, line and
  // column: a date or number that is none, an unknown scenario, a (date, entity, scenario) that
  // comes twice, a date behind a later one.
  absl::StatusOr<bool> Next(DailyRow& row);

  double Fraction() const { return csv_.Fraction(); }
  uint64_t missing_cells() const { return missing_cells_; }

 private:
  DailyReader(CsvReader csv, AttributeTable& entities, const AttributeTable& scenarios)
      : csv_(std::move(csv)), entities_(&entities), scenarios_(&scenarios) {}

  absl::Status ReadKey(DailyRow& row);
  absl::Status ReadValues();

  CsvReader csv_;
  AttributeTable* entities_;
  const AttributeTable* scenarios_;
  uint32_t date_column_ = 0;
  uint32_t entity_column_ = 0;
  uint32_t scenario_column_ = 0;
  std::vector<uint32_t> value_columns_;
  std::vector<float> values_;
  bool started_ = false;
  int32_t day_ = 0;                            // of the last row
  absl::flat_hash_set<uint64_t> seen_on_day_;  // (entity, scenario)
  uint64_t missing_cells_ = 0;
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_DAILY_READER_H_
