#include "data/window_cutter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/status_macros.h"
#include "data/dense_features.h"
#include "data/discretiser.h"

namespace caravan::data {
namespace {

// ids: value ids of all rows. Writes the window [out, out + days): the days of rows [first, last),
// zero on the others.
template <typename T>
void CutWindow(const std::vector<T>& ids, const std::vector<uint16_t>& row_day, uint32_t first,
               uint32_t last, int32_t first_day, uint32_t days, uint32_t* out) {
  if (last - first == days) {
    std::copy(ids.begin() + first, ids.begin() + last, out);
    return;
  }
  std::fill(out, out + days, kZeroId);
  for (uint32_t row = first; row < last; ++row) out[row_day[row] - first_day] = ids[row];
}

}  // namespace

absl::StatusOr<WindowCutter> WindowCutter::Create(const conf::Schema& schema) {
  WindowCutter cutter;
  cutter.history_days_ = schema.history_days();
  cutter.tasks_ = static_cast<uint32_t>(schema.tasks_size());
  std::vector<std::string> sequence_names;
  for (int i = 0; i < schema.fields_size(); ++i) {
    const auto index = static_cast<uint32_t>(i);
    switch (schema.fields(i).group()) {
      case conf::SCENARIO:
        cutter.scenario_fields_.push_back(index);
        break;
      case conf::PROFILE:
        cutter.profile_fields_.push_back(index);
        break;
      case conf::BEHAVIOUR:
      case conf::PERFORMANCE:
        cutter.sequence_fields_.push_back(index);
        sequence_names.push_back(schema.fields(i).name());
        break;
    }
  }
  if (schema.dense_means_size() != schema.dense_names_size() ||
      schema.dense_deviations_size() != schema.dense_names_size()) {
    return absl::InvalidArgumentError(
        "the schema has not a mean and a deviation for each dense feature");
  }
  for (int i = 0; i < schema.dense_names_size(); ++i) {
    CARAVAN_RETURN_IF_ERROR(cutter.AddDense(schema, i, sequence_names));
  }
  cutter.window_rows_.resize(cutter.windows_.size());
  return cutter;
}

absl::Status WindowCutter::AddDense(const conf::Schema& schema, int index,
                                    const std::vector<std::string>& sequence_names) {
  const std::string& name = schema.dense_names(index);
  CARAVAN_ASSIGN_OR_RETURN(const DenseFeature feature, ParseDenseName(name));
  const auto field = std::find(sequence_names.begin(), sequence_names.end(), feature.field);
  if (field == sequence_names.end() || feature.days > history_days_) {
    return absl::InvalidArgumentError(
        fmt::format("dense feature {}: the schema has no such field, or no history so long", name));
  }
  auto window = std::find(windows_.begin(), windows_.end(), feature.days);
  if (window == windows_.end()) window = windows_.insert(window, feature.days);
  dense_.push_back({.sequence = static_cast<uint32_t>(field - sequence_names.begin()),
                    .statistic = feature.statistic,
                    .window = static_cast<uint32_t>(window - windows_.begin()),
                    .mean = schema.dense_means(index),
                    .deviation = schema.dense_deviations(index)});
  return absl::OkStatus();
}

void WindowCutter::Resize(uint32_t size, Batch& batch) const {
  batch.size = size;
  batch.ids.resize(scenario_fields_.size() + profile_fields_.size() + sequence_fields_.size());
  for (const uint32_t field : scenario_fields_) batch.ids[field].resize(size);
  for (const uint32_t field : profile_fields_) batch.ids[field].resize(size);
  for (const uint32_t field : sequence_fields_) {
    batch.ids[field].resize(size_t{size} * history_days_);
  }
  batch.dense.resize(size_t{size} * dense_.size());
  batch.labels.resize(size_t{size} * tasks_);
  batch.scenarios.resize(size);
  batch.entities.resize(size);
  batch.anchor_days.resize(size);
}

void WindowCutter::Cut(const SampleFile& file, uint32_t sample, uint32_t place, Batch& batch) {
  const size_t series = file.SeriesOf(sample);
  const uint32_t entity = file.series_entity[series];
  const uint32_t scenario = file.series_scenario[series];
  const int32_t anchor = file.sample_day[sample];
  const int32_t first_day = anchor - static_cast<int32_t>(history_days_) + 1;
  batch.entities[place] = entity;
  batch.scenarios[place] = scenario;
  batch.anchor_days[place] = file.first_day + anchor;
  for (size_t i = 0; i < scenario_fields_.size(); ++i) {
    batch.ids[scenario_fields_[i]][place] = file.scenario_ids[i][scenario];
  }
  for (size_t i = 0; i < profile_fields_.size(); ++i) {
    batch.ids[profile_fields_[i]][place] = file.profile_ids[i][entity];
  }

  const auto days = file.row_day.begin();
  const auto begin = days + (series == 0 ? 0 : file.series_row_end[series - 1]);
  const auto end = days + file.series_row_end[series];
  const auto first = std::lower_bound(begin, end, first_day);
  const auto last = std::upper_bound(first, end, anchor);
  const auto first_row = static_cast<uint32_t>(first - days);
  const auto last_row = static_cast<uint32_t>(last - days);
  for (size_t i = 0; i < sequence_fields_.size(); ++i) {
    uint32_t* out = batch.ids[sequence_fields_[i]].data() + size_t{place} * history_days_;
    std::visit(
        [&](const auto& ids) {
          CutWindow(ids, file.row_day, first_row, last_row, first_day, history_days_, out);
        },
        file.row_ids[i]);
  }
  CutDense(file, first_row, last_row, anchor, batch.dense.data() + size_t{place} * dense_.size());
  for (uint32_t task = 0; task < tasks_; ++task) {
    batch.labels[size_t{place} * tasks_ + task] = file.labels[task][sample];
  }
}

void WindowCutter::CutDense(const SampleFile& file, uint32_t first_row, uint32_t last_row,
                            int32_t anchor, float* dense) {
  const auto days = file.row_day.begin();
  for (size_t i = 0; i < windows_.size(); ++i) {
    const int32_t first_day = anchor - static_cast<int32_t>(windows_[i]) + 1;
    window_rows_[i] = static_cast<uint32_t>(
        std::lower_bound(days + first_row, days + last_row, first_day) - days);
  }
  for (size_t i = 0; i < dense_.size(); ++i) {
    const uint32_t row = window_rows_[dense_[i].window];
    const std::span<const float> values(file.row_values[dense_[i].sequence]);
    const float value =
        DenseValue(DenseSum(dense_[i].statistic, values.subspan(row, last_row - row)));
    dense[i] = (value - dense_[i].mean) / dense_[i].deviation;
  }
}

}  // namespace caravan::data
