#include "data/sample_file_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/status_macros.h"

namespace caravan::data {
namespace {

// The value id of a row in field `column` of its group: text columns come first, then number
// columns, as the learner lists them.
uint32_t AttributeId(const AttributeTable& table, uint32_t row, size_t column,
                     const conf::Field& field, const CategoryIds& categories) {
  if (column < table.texts.size()) return categories(table.texts[column][row]);
  return NumericValueId(field, table.numbers[column - table.texts.size()][row]);
}

}  // namespace

uint64_t SampleFileBytes(const conf::Schema& schema, const SchemaLearner::Share& share) {
  uint64_t row_bytes = sizeof(uint16_t);
  for (const conf::Field& field : schema.fields()) {
    if (field.group() != conf::BEHAVIOUR && field.group() != conf::PERFORMANCE) continue;
    row_bytes += field.values() <= 256 ? 1 : 2;
    row_bytes += schema.dense_names().empty() ? 0 : sizeof(float);
  }
  const uint64_t sample_bytes =
      sizeof(uint16_t) + sizeof(float) * static_cast<uint64_t>(schema.tasks_size());
  return share.rows * row_bytes + share.samples * sample_bytes;
}

std::vector<PartRange> PlanFiles(const std::vector<uint64_t>& part_bytes, uint64_t file_bytes) {
  const uint64_t total = std::accumulate(part_bytes.begin(), part_bytes.end(), uint64_t{0});
  const uint64_t files = std::max<uint64_t>((total + file_bytes - 1) / file_bytes, 1);
  std::vector<PartRange> ranges;
  uint64_t before = 0;    // bytes of the parts before this one
  uint64_t in_range = 0;  // of those, bytes of the last range
  uint64_t last_file = 0;
  for (uint32_t part = 0; part < part_bytes.size(); ++part) {
    // A part goes to the file that the middle of its bytes falls in; none is left without samples.
    const uint64_t middle = before + part_bytes[part] / 2;
    const uint64_t file = total == 0 ? 0 : middle * files / total;
    if (ranges.empty() || (file != last_file && in_range > 0 && part_bytes[part] > 0)) {
      ranges.push_back({.first = part, .last = part});
      in_range = 0;
    }
    last_file = file;
    ranges.back().last = part + 1;
    in_range += part_bytes[part];
    before += part_bytes[part];
  }
  return ranges;
}

SampleFileBuilder::SampleFileBuilder(const Inputs& inputs, const SplitRange& range)
    : inputs_(inputs),
      range_(range),
      file_(EmptySampleFile(inputs.schema, range.name,
                            range.first_anchor - inputs.rule.history_days() + 1)),
      labels_(inputs.layout.task_columns.size()) {
  for (const conf::Field& field : inputs_.schema.fields()) {
    if (field.group() == conf::PROFILE) {
      profile_fields_.push_back(&field);
      profile_categories_.emplace_back(field);
    } else if (field.group() != conf::SCENARIO) {
      sequence_fields_.push_back(&field);
    }
  }
  AddScenarios();
}

void SampleFileBuilder::AddScenarios() {
  size_t index = 0;
  for (const conf::Field& field : inputs_.schema.fields()) {
    if (field.group() != conf::SCENARIO) continue;
    const CategoryIds categories(field);
    std::vector<uint32_t>& ids = file_.scenario_ids[index];
    for (uint32_t row = 0; row < inputs_.scenarios.keys.size(); ++row) {
      // The first field is the scenario's id itself.
      ids.push_back(index == 0 ? categories(inputs_.scenarios.keys[row])
                               : AttributeId(inputs_.scenarios, row, index - 1, field, categories));
    }
    ++index;
  }
}

void SampleFileBuilder::AddEntity(uint32_t entity) {
  if (has_entity_ && last_entity_ == entity) return;
  has_entity_ = true;
  last_entity_ = entity;
  file_.entity_names += inputs_.entities.keys[entity];
  file_.entity_name_ends.push_back(static_cast<uint32_t>(file_.entity_names.size()));
  for (size_t i = 0; i < profile_fields_.size(); ++i) {
    file_.profile_ids[i].push_back(
        AttributeId(inputs_.entities, entity, i, *profile_fields_[i], profile_categories_[i]));
  }
}

absl::Status SampleFileBuilder::Add(const Series& series) {
  inputs_.rule.Anchors(series, range_, anchors_);
  if (anchors_.empty()) return absl::OkStatus();
  AddEntity(series.entity);
  const RowRange rows =
      RowsBetween(series.days, anchors_.front() - inputs_.rule.history_days() + 1, anchors_.back());
  if (file_.row_day.size() + (rows.last - rows.first) > std::numeric_limits<uint32_t>::max() ||
      range_.last_anchor - file_.first_day > std::numeric_limits<uint16_t>::max()) {
    return absl::OutOfRangeError(fmt::format(
        "split {}: a sample file holds at most 2^32 rows and 65,536 days", range_.name));
  }
  for (size_t row = rows.first; row < rows.last; ++row) {
    file_.row_day.push_back(static_cast<uint16_t>(series.days[row] - file_.first_day));
    for (size_t i = 0; i < sequence_fields_.size(); ++i) {
      const float value = series.Row(row)[inputs_.layout.fields[i].column];
      const uint32_t id = NumericValueId(*sequence_fields_[i], value);
      std::visit(
          [&](auto& ids) {
            ids.push_back(static_cast<typename std::decay_t<decltype(ids)>::value_type>(id));
          },
          file_.row_ids[i]);
      if (!file_.row_values.empty()) file_.row_values[i].push_back(value);
    }
  }
  for (const int32_t anchor : anchors_) {
    file_.sample_day.push_back(static_cast<uint16_t>(anchor - file_.first_day));
    inputs_.rule.Labels(series, anchor, labels_);
    for (size_t task = 0; task < labels_.size(); ++task) {
      file_.labels[task].push_back(labels_[task]);
    }
  }
  file_.series_entity.push_back(static_cast<uint32_t>(file_.entity_name_ends.size() - 1));
  file_.series_scenario.push_back(series.scenario);
  file_.series_row_end.push_back(static_cast<uint32_t>(file_.row_day.size()));
  file_.series_sample_end.push_back(static_cast<uint32_t>(file_.sample_day.size()));
  return absl::OkStatus();
}

}  // namespace caravan::data
