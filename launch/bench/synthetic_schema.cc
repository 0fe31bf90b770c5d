#include "launch/bench/synthetic_schema.h"

#include <string>
#include <vector>

#include "data/dense_features.h"
#include "fmt/format.h"

namespace caravan::launch {
namespace {

constexpr uint32_t kCategories = 32;
constexpr uint32_t kScenarios = 4;
constexpr uint32_t kReservedValues = 2;  // missing, and zero or unseen

void AddField(conf::Schema& schema, std::string_view group_name, conf::FieldGroup group,
              const std::string& column, uint32_t values) {
  uint64_t first_key = 0;
  for (const conf::Field& field : schema.fields()) {
    if (field.group() == group) first_key += field.values();
  }
  conf::Field& field = *schema.add_fields();
  field.set_name(fmt::format("{}.{}", group_name, column));
  field.set_group(group);
  field.set_first_key(first_key);
  field.set_values(values + kReservedValues);
}

}  // namespace

conf::Schema SyntheticSchema(const conf::Data& data) {
  conf::Schema schema;
  schema.set_name("synthetic");
  schema.set_history_days(data.history_days());
  schema.set_horizon_days(data.horizon_days());
  for (uint32_t i = 0; i < kScenarios; ++i) schema.add_scenarios(fmt::format("scenario{}", i));

  AddField(schema, "scenario", conf::SCENARIO, "id", kScenarios);
  const auto add = [&](const auto& columns, std::string_view name, conf::FieldGroup group,
                       uint32_t values) {
    for (const std::string& column : columns) AddField(schema, name, group, column, values);
  };
  add(data.scenario_columns(), "scenario", conf::SCENARIO, kCategories);
  add(data.scenario_numeric_columns(), "scenario", conf::SCENARIO, kScenarios);
  add(data.profile_columns(), "profile", conf::PROFILE, kCategories);
  add(data.profile_numeric_columns(), "profile", conf::PROFILE, data.buckets());
  add(data.behaviour_columns(), "behaviour", conf::BEHAVIOUR, data.buckets());
  add(data.performance_columns(), "performance", conf::PERFORMANCE, data.buckets());

  const std::vector<uint32_t> windows = data::DenseWindows(data);
  for (const conf::Task& task : data.tasks()) {
    conf::TaskSchema& added = *schema.add_tasks();
    added.set_name(task.name());
    added.set_training_mean(task.loss() == conf::CROSS_ENTROPY ? 0.5 : 1);
    const bool is_rate = task.aggregate() == conf::SUM && task.loss() == conf::POISSON;
    if (is_rate && !windows.empty()) added.set_exposure_days(windows.back());
  }
  for (const conf::Field& field : schema.fields()) {
    if (field.group() != conf::BEHAVIOUR && field.group() != conf::PERFORMANCE) continue;
    for (const uint32_t window : windows) {
      schema.add_dense_names(data::DenseName({.field = field.name(), .days = window}));
      schema.add_dense_means(0);
      schema.add_dense_deviations(1);
    }
  }
  return schema;
}

}  // namespace caravan::launch
