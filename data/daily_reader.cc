#include "data/daily_reader.h"

#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/status_macros.h"
#include "data/calendar.h"

namespace caravan::data {

absl::StatusOr<DailyReader> DailyReader::Open(const std::string& path, const conf::Data& data,
                                              const DailyLayout& layout, AttributeTable& entities,
                                              const AttributeTable& scenarios) {
  CARAVAN_ASSIGN_OR_RETURN(CsvReader csv, CsvReader::Open(path));
  DailyReader reader(std::move(csv), entities, scenarios);
  CARAVAN_ASSIGN_OR_RETURN(reader.date_column_, reader.csv_.Column(data.date_column()));
  CARAVAN_ASSIGN_OR_RETURN(reader.entity_column_, reader.csv_.Column(data.entity_column()));
  CARAVAN_ASSIGN_OR_RETURN(reader.scenario_column_, reader.csv_.Column(data.scenario_column()));
  for (const std::string& name : layout.columns) {
    CARAVAN_ASSIGN_OR_RETURN(const uint32_t column, reader.csv_.Column(name));
    reader.value_columns_.push_back(column);
  }
  reader.values_.resize(layout.columns.size());
  return reader;
}

absl::StatusOr<bool> DailyReader::Next(DailyRow& row) {
  CARAVAN_ASSIGN_OR_RETURN(const bool more, csv_.Next());
  if (!more) return false;
  CARAVAN_RETURN_IF_ERROR(ReadKey(row));
  CARAVAN_RETURN_IF_ERROR(ReadValues());
  row.values = values_;
  return true;
}

absl::Status DailyReader::ReadKey(DailyRow& row) {
  CARAVAN_ASSIGN_OR_RETURN(row.day, csv_.Date(date_column_));
  if (!started_ || row.day > day_) {
    seen_on_day_.clear();
  } else if (row.day < day_) {
    return csv_.ErrorAt(date_column_,
                        fmt::format("{} comes behind {}; the daily file must be sorted by date",
                                    FormatDate(row.day), FormatDate(day_)));
  }
  started_ = true;
  day_ = row.day;

  const std::string_view entity = csv_.Text(entity_column_);
  if (entity.empty()) return csv_.ErrorAt(entity_column_, "is empty; every row needs its entity");
  row.entity = entities_->RowOrAdd(entity);

  const std::string_view scenario = csv_.Text(scenario_column_);
  const auto found = scenarios_->rows.find(std::string(scenario));
  if (found == scenarios_->rows.end()) {
    return csv_.ErrorAt(scenario_column_,
                        fmt::format("unknown scenario '{}'; the scenarios file has {}", scenario,
                                    fmt::join(scenarios_->keys, ", ")));
  }
  row.scenario = found->second;

  if (!seen_on_day_.insert((uint64_t{row.entity} << 32) | row.scenario).second) {
    return csv_.Error(fmt::format("a second row for date {}, entity '{}', scenario '{}'",
                                  FormatDate(row.day), entity, scenario));
  }
  return absl::OkStatus();
}

absl::Status DailyReader::ReadValues() {
  for (size_t i = 0; i < value_columns_.size(); ++i) {
    CARAVAN_ASSIGN_OR_RETURN(const std::optional<float> value, csv_.Number(value_columns_[i]));
    missing_cells_ += value ? 0 : 1;
    values_[i] = value.value_or(std::numeric_limits<float>::quiet_NaN());
  }
  return absl::OkStatus();
}

}  // namespace caravan::data
