#include "data/daily_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/status_macros.h"

namespace caravan::data {
namespace {

uint32_t ColumnIndex(DailyLayout& layout, const std::string& column) {
  const auto found = std::find(layout.columns.begin(), layout.columns.end(), column);
  const auto index = static_cast<uint32_t>(found - layout.columns.begin());
  if (found == layout.columns.end()) layout.columns.push_back(column);
  return index;
}

absl::Status AddField(conf::FieldGroup group, const std::string& column, DailyLayout& layout) {
  const bool behaviour = group == conf::BEHAVIOUR;
  std::string name = fmt::format("{}.{}", behaviour ? "behaviour" : "performance", column);
  for (const DailyLayout::SequenceField& field : layout.fields) {
    if (field.name == name) {
      return absl::InvalidArgumentError(fmt::format(
          "data.{}_columns names '{}' twice", behaviour ? "behaviour" : "performance", column));
    }
  }
  const uint32_t index = ColumnIndex(layout, column);
  layout.fields.push_back({.group = group, .name = std::move(name), .column = index});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DailyLayout> MakeDailyLayout(const conf::Data& data) {
  DailyLayout layout;
  for (const std::string& column : data.behaviour_columns()) {
    CARAVAN_RETURN_IF_ERROR(AddField(conf::BEHAVIOUR, column, layout));
  }
  for (const std::string& column : data.performance_columns()) {
    CARAVAN_RETURN_IF_ERROR(AddField(conf::PERFORMANCE, column, layout));
  }
  if (data.tasks().empty()) {
    return absl::InvalidArgumentError("data.tasks is empty; a job needs at least one task");
  }
  for (const conf::Task& task : data.tasks()) {
    if (task.name().empty()) return absl::InvalidArgumentError("a task of data.tasks has no name");
    layout.task_columns.push_back(
        ColumnIndex(layout, task.column().empty() ? task.name() : task.column()));
  }
  std::string active = data.active_column();
  if (active.empty() && !data.performance_columns().empty()) active = data.performance_columns(0);
  if (active.empty()) {
    return absl::InvalidArgumentError(
        "data.active_column is empty and there is no performance column to take its place");
  }
  layout.active_column = ColumnIndex(layout, active);
  return layout;
}

}  // namespace caravan::data
