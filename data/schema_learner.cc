#include "data/schema_learner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/status_macros.h"
#include "data/calendar.h"
#include "data/dense_features.h"
#include "data/schema_file.h"

namespace caravan::data {
namespace {

// Categories of the rows that `is_training` holds for, in the order of their bytes.
std::vector<std::string> TrainingCategories(const std::vector<std::string>& texts,
                                            const std::vector<bool>& is_training) {
  std::set<std::string> categories;
  for (size_t row = 0; row < texts.size(); ++row) {
    if (is_training[row] && !texts[row].empty()) categories.insert(texts[row]);
  }
  return {categories.begin(), categories.end()};
}

std::vector<float> TrainingBounds(const std::vector<float>& values,
                                  const std::vector<bool>& is_training, uint32_t buckets) {
  BucketLearner learner;
  for (size_t row = 0; row < values.size(); ++row) {
    if (is_training[row]) learner.Add(values[row]);
  }
  return learner.Bounds(buckets);
}

// Gives every field the keys behind those of the group's field before it.
void NumberKeys(conf::Schema& schema) {
  uint64_t next_key[conf::FieldGroup_ARRAYSIZE] = {};
  for (conf::Field& field : *schema.mutable_fields()) {
    field.set_first_key(next_key[field.group()]);
    next_key[field.group()] += field.values();
  }
}

}  // namespace

SchemaLearner::SchemaLearner(const Inputs& inputs)
    : inputs_(inputs),
      windows_(DenseWindows(inputs.data)),
      sequence_buckets_(inputs.layout.fields.size()),
      entity_in_training_(inputs.entities.keys.size()),
      scenario_in_training_(inputs.scenarios.keys.size()),
      label_sums_(inputs.layout.task_columns.size() * inputs.scenarios.keys.size()),
      dense_series_(AllDenseSeries(inputs)),
      dense_moments_(dense_series_.size() * windows_.size()),
      exposure_losses_(inputs.layout.task_columns.size() * windows_.size()),
      samples_(inputs.splits.size(), std::vector<uint64_t>(inputs.scenarios.keys.size())),
      labels_(inputs.layout.task_columns.size()) {
  for (const std::optional<DenseSeries>& series : TaskSeries(inputs.data, inputs.layout)) {
    exposure_series_.emplace_back();
    if (!series.has_value()) continue;
    const auto found = std::ranges::find(dense_series_, *series);
    exposure_series_.back() = static_cast<size_t>(found - dense_series_.begin());
  }
}

// By task: the series whose future it is, where that is a Poisson rate.
std::vector<std::optional<SchemaLearner::DenseSeries>> SchemaLearner::TaskSeries(
    const conf::Data& data, const DailyLayout& layout) {
  std::vector<std::optional<DenseSeries>> series(layout.task_columns.size());
  for (size_t task = 0; task < series.size(); ++task) {
    const conf::Task& rule = data.tasks(static_cast<int>(task));
    if (rule.aggregate() == conf::ANY_NONZERO || rule.loss() != conf::POISSON) continue;
    const auto field = std::ranges::find(layout.fields, layout.task_columns[task],
                                         &DailyLayout::SequenceField::column);
    if (field == layout.fields.end()) continue;
    series[task] = {.field = static_cast<size_t>(field - layout.fields.begin()),
                    .statistic = rule.aggregate() == conf::SUM ? DenseStatistic::kTotal
                                                               : DenseStatistic::kDaysNonzero};
  }
  return series;
}

// Totals of all fields, then counts of days where a task is one.
std::vector<SchemaLearner::DenseSeries> SchemaLearner::AllDenseSeries(const Inputs& inputs) {
  std::vector<DenseSeries> all;
  for (size_t field = 0; field < inputs.layout.fields.size(); ++field) {
    all.push_back({.field = field});
  }
  for (const std::optional<DenseSeries>& series : TaskSeries(inputs.data, inputs.layout)) {
    if (series.has_value() && std::ranges::find(all, *series) == all.end()) all.push_back(*series);
  }
  return all;
}

absl::Status SchemaLearner::Add(const Series& series, std::vector<Share>& shares) {
  LearnRows(series);
  for (size_t split = 0; split < inputs_.splits.size(); ++split) {
    const SplitRange& range = inputs_.splits[split];
    inputs_.rule.Anchors(series, range, anchors_);
    if (anchors_.empty()) continue;
    for (const int32_t anchor : anchors_) {
      CARAVAN_RETURN_IF_ERROR(LearnSample(series, anchor, split == 0));
    }
    samples_[split][series.scenario] += anchors_.size();
    const RowRange rows = RowsBetween(
        series.days, anchors_.front() - inputs_.rule.history_days() + 1, anchors_.back());
    shares[split].rows += rows.last - rows.first;
    shares[split].samples += anchors_.size();
  }
  return absl::OkStatus();
}

void SchemaLearner::LearnRows(const Series& series) {
  const int32_t last_training_day = inputs_.splits[0].last_anchor;
  for (size_t row = 0; row < series.days.size() && series.days[row] <= last_training_day; ++row) {
    entity_in_training_[series.entity] = true;
    scenario_in_training_[series.scenario] = true;
    for (size_t field = 0; field < sequence_buckets_.size(); ++field) {
      sequence_buckets_[field].Add(series.Row(row)[inputs_.layout.fields[field].column]);
    }
  }
}

absl::Status SchemaLearner::LearnSample(const Series& series, int32_t anchor, bool training) {
  inputs_.rule.Labels(series, anchor, labels_);
  for (size_t i = 0; i < labels_.size(); ++i) {
    const conf::Task& task = inputs_.data.tasks(static_cast<int>(i));
    const bool binary = task.loss() == conf::CROSS_ENTROPY;
    if (binary ? labels_[i] != 0 && labels_[i] != 1 : labels_[i] < 0) {
      return absl::InvalidArgumentError(
          fmt::format("task {}: label {} of entity '{}', scenario '{}', anchor {}; loss {}",
                      task.name(), labels_[i], inputs_.entities.keys[series.entity],
                      inputs_.scenarios.keys[series.scenario], FormatDate(anchor),
                      binary ? "CROSS_ENTROPY allows 0 and 1" : "POISSON allows none below 0"));
    }
  }
  if (!training) return absl::OkStatus();
  ++training_samples_;
  const size_t scenarios = inputs_.scenarios.keys.size();
  for (size_t i = 0; i < labels_.size(); ++i) {
    label_sums_[i * scenarios + series.scenario] += labels_[i];
  }
  for (size_t window = 0; window < windows_.size(); ++window) {
    const RowRange rows =
        RowsBetween(series.days, anchor - static_cast<int32_t>(windows_[window]) + 1, anchor);
    for (size_t i = 0; i < dense_series_.size(); ++i) {
      const uint32_t column = inputs_.layout.fields[dense_series_[i].field].column;
      double sum = 0;
      for (size_t row = rows.first; row < rows.last; ++row) {
        sum += DenseShare(dense_series_[i].statistic, series.Row(row)[column]);
      }
      const double value = DenseValue(sum);
      Moments& moments = dense_moments_[i * windows_.size() + window];
      moments.sum += value;
      moments.squares += value * value;
      LearnExposure(i, window, sum);
    }
  }
  return absl::OkStatus();
}

// As the net's offset has it: log1p of the sum, scaled to the horizon.
void SchemaLearner::LearnExposure(size_t series, size_t window, double sum) {
  for (size_t task = 0; task < exposure_series_.size(); ++task) {
    if (exposure_series_[task] != series || sum < 0) continue;
    const double rate = (1 + sum) * inputs_.data.horizon_days() / windows_[window];
    exposure_losses_[task * windows_.size() + window] += rate - labels_[task] * std::log(rate);
  }
}

uint32_t SchemaLearner::BestExposure(size_t task) const {
  if (!exposure_series_[task].has_value() || windows_.empty()) return 0;
  const auto first = exposure_losses_.begin() + static_cast<ptrdiff_t>(task * windows_.size());
  const auto best = std::min_element(first, first + static_cast<ptrdiff_t>(windows_.size()));
  return windows_[static_cast<size_t>(best - first)];
}

absl::StatusOr<conf::Schema> SchemaLearner::Finish() const {
  conf::Schema schema;
  schema.set_version(kSchemaVersion);
  schema.set_history_days(inputs_.data.history_days());
  schema.set_horizon_days(inputs_.data.horizon_days());
  for (const std::string& scenario : inputs_.scenarios.keys) schema.add_scenarios(scenario);
  for (size_t split = 0; split < inputs_.splits.size(); ++split) {
    const SplitRange& range = inputs_.splits[split];
    conf::SplitSchema& out = *schema.add_splits();
    out.set_name(range.name);
    out.set_first_anchor(FormatDate(range.first_anchor));
    out.set_last_anchor(FormatDate(range.last_anchor));
    out.mutable_scenario_samples()->Assign(samples_[split].begin(), samples_[split].end());
    if (std::accumulate(samples_[split].begin(), samples_[split].end(), uint64_t{0}) == 0) {
      return absl::InvalidArgumentError(fmt::format(
          "split {} is empty: no (entity, scenario) has {} active days before an anchor from {} to "
          "{}; see data.min_active_days and data.split",
          range.name, inputs_.data.min_active_days(), out.first_anchor(), out.last_anchor()));
    }
  }
  AddScenarioFields(schema);
  AddProfileFields(schema);
  AddSequenceFields(schema);
  NumberKeys(schema);
  AddDenseFeatures(schema);
  AddTasks(schema);
  schema.set_entities(inputs_.entities.keys.size());
  return schema;
}

void SchemaLearner::AddTasks(conf::Schema& schema) const {
  const size_t scenarios = inputs_.scenarios.keys.size();
  for (int i = 0; i < inputs_.data.tasks_size(); ++i) {
    conf::TaskSchema& task = *schema.add_tasks();
    task.set_name(inputs_.data.tasks(i).name());
    double sum = 0;
    for (size_t scenario = 0; scenario < scenarios; ++scenario) {
      const double of_scenario = label_sums_[static_cast<size_t>(i) * scenarios + scenario];
      const auto samples = static_cast<double>(std::max<uint64_t>(samples_[0][scenario], 1));
      sum += of_scenario;
      task.add_scenario_means(of_scenario / samples);
    }
    task.set_training_mean(sum / static_cast<double>(training_samples_));
    task.set_exposure_days(BestExposure(static_cast<size_t>(i)));
  }
}

void SchemaLearner::AddScenarioFields(conf::Schema& schema) const {
  *schema.add_fields() = CategoricalField(conf::SCENARIO, "scenario.id", inputs_.scenarios.keys);
  for (int i = 0; i < inputs_.data.scenario_columns_size(); ++i) {
    *schema.add_fields() = CategoricalField(
        conf::SCENARIO, "scenario." + inputs_.data.scenario_columns(i),
        TrainingCategories(inputs_.scenarios.texts[static_cast<size_t>(i)], scenario_in_training_));
  }
  for (int i = 0; i < inputs_.data.scenario_numeric_columns_size(); ++i) {
    *schema.add_fields() =
        NumericField(conf::SCENARIO, "scenario." + inputs_.data.scenario_numeric_columns(i),
                     TrainingBounds(inputs_.scenarios.numbers[static_cast<size_t>(i)],
                                    scenario_in_training_, inputs_.data.buckets()));
  }
}

void SchemaLearner::AddProfileFields(conf::Schema& schema) const {
  for (int i = 0; i < inputs_.data.profile_columns_size(); ++i) {
    *schema.add_fields() = CategoricalField(
        conf::PROFILE, "profile." + inputs_.data.profile_columns(i),
        TrainingCategories(inputs_.entities.texts[static_cast<size_t>(i)], entity_in_training_));
  }
  for (int i = 0; i < inputs_.data.profile_numeric_columns_size(); ++i) {
    *schema.add_fields() =
        NumericField(conf::PROFILE, "profile." + inputs_.data.profile_numeric_columns(i),
                     TrainingBounds(inputs_.entities.numbers[static_cast<size_t>(i)],
                                    entity_in_training_, inputs_.data.buckets()));
  }
}

void SchemaLearner::AddSequenceFields(conf::Schema& schema) const {
  for (size_t i = 0; i < inputs_.layout.fields.size(); ++i) {
    const DailyLayout::SequenceField& field = inputs_.layout.fields[i];
    *schema.add_fields() =
        NumericField(field.group, field.name, sequence_buckets_[i].Bounds(inputs_.data.buckets()));
  }
}

void SchemaLearner::AddDenseFeatures(conf::Schema& schema) const {
  const auto samples = static_cast<double>(training_samples_);
  for (size_t i = 0; i < dense_series_.size(); ++i) {
    for (size_t window = 0; window < windows_.size(); ++window) {
      const Moments& moments = dense_moments_[i * windows_.size() + window];
      const double mean = moments.sum / samples;
      const double variance = std::max(moments.squares / samples - mean * mean, 0.0);
      // A feature that is the same for all samples says nothing; 1 keeps it at zero.
      const double deviation = variance > 1e-12 ? std::sqrt(variance) : 1.0;
      schema.add_dense_names(DenseName({.field = inputs_.layout.fields[dense_series_[i].field].name,
                                        .statistic = dense_series_[i].statistic,
                                        .days = windows_[window]}));
      schema.add_dense_means(static_cast<float>(mean));
      schema.add_dense_deviations(static_cast<float>(deviation));
    }
  }
}

}  // namespace caravan::data
