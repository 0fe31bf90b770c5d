#include "data/sample_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "data/column_file.h"

namespace caravan::data {
namespace {

constexpr uint32_t kNarrowValuesMax = 256;

struct FieldsByGroup {
  std::vector<const conf::Field*> scenario;
  std::vector<const conf::Field*> profile;
  std::vector<const conf::Field*> sequence;
};

FieldsByGroup GroupFields(const conf::Schema& schema) {
  FieldsByGroup groups;
  for (const conf::Field& field : schema.fields()) {
    if (field.group() == conf::SCENARIO) {
      groups.scenario.push_back(&field);
    } else if (field.group() == conf::PROFILE) {
      groups.profile.push_back(&field);
    } else {
      groups.sequence.push_back(&field);
    }
  }
  return groups;
}

std::string ScenarioColumn(const conf::Field& field) { return "scenarios/" + field.name(); }
std::string ProfileColumn(const conf::Field& field) { return "entities/" + field.name(); }
std::string IdsColumn(const conf::Field& field) { return "rows/id/" + field.name(); }
std::string ValuesColumn(const conf::Field& field) { return "rows/value/" + field.name(); }
std::string LabelColumn(const conf::TaskSchema& task) { return "samples/label/" + task.name(); }

// A column to write, or to read and check; the same walk over the struct does both.
class ColumnWriter {
 public:
  explicit ColumnWriter(ColumnFileWriter& file) : file_(file) {}
  template <typename T>
  absl::Status operator()(const std::string& name, const std::vector<T>& column) {
    return file_.Add(name, std::span<const T>(column));
  }
  absl::Status operator()(const std::string& name, const std::string& column) {
    return file_.Add(name, std::span<const char>(column));
  }
  absl::Status operator()(const std::string& name, const IdColumn& column) {
    return std::visit([&](const auto& ids) { return (*this)(name, ids); }, column);
  }

 private:
  ColumnFileWriter& file_;
};

class ColumnReader {
 public:
  ColumnReader(const std::string& path, std::string_view content, const format::Index& index)
      : path_(path), content_(content), index_(index) {}
  template <typename T>
  absl::Status operator()(const std::string& name, std::vector<T>& column) {
    CARAVAN_ASSIGN_OR_RETURN(column, ReadColumn<T>(path_, content_, index_, name));
    return absl::OkStatus();
  }
  absl::Status operator()(const std::string& name, std::string& column) {
    const format::Column* found = FindColumn(index_, name);
    if (found == nullptr) return absl::DataLossError(fmt::format("{}: no column {}", path_, name));
    CARAVAN_ASSIGN_OR_RETURN(column, ReadColumnBytes(path_, content_, *found));
    return absl::OkStatus();
  }
  absl::Status operator()(const std::string& name, IdColumn& column) {
    return std::visit([&](auto& ids) { return (*this)(name, ids); }, column);
  }

 private:
  const std::string& path_;
  std::string_view content_;
  const format::Index& index_;
};

// Calls `visit(name, column)` for each column in file order, and stops at the first error.
template <typename File, typename Visitor>
absl::Status VisitColumns(const conf::Schema& schema, File& file, Visitor visit) {
  const FieldsByGroup fields = GroupFields(schema);
  CARAVAN_RETURN_IF_ERROR(visit("entities/name", file.entity_names));
  CARAVAN_RETURN_IF_ERROR(visit("entities/name_end", file.entity_name_ends));
  for (size_t i = 0; i < fields.profile.size(); ++i) {
    CARAVAN_RETURN_IF_ERROR(visit(ProfileColumn(*fields.profile[i]), file.profile_ids[i]));
  }
  for (size_t i = 0; i < fields.scenario.size(); ++i) {
    CARAVAN_RETURN_IF_ERROR(visit(ScenarioColumn(*fields.scenario[i]), file.scenario_ids[i]));
  }
  CARAVAN_RETURN_IF_ERROR(visit("series/entity", file.series_entity));
  CARAVAN_RETURN_IF_ERROR(visit("series/scenario", file.series_scenario));
  CARAVAN_RETURN_IF_ERROR(visit("series/row_end", file.series_row_end));
  CARAVAN_RETURN_IF_ERROR(visit("series/sample_end", file.series_sample_end));
  CARAVAN_RETURN_IF_ERROR(visit("rows/day", file.row_day));
  for (size_t i = 0; i < fields.sequence.size(); ++i) {
    CARAVAN_RETURN_IF_ERROR(visit(IdsColumn(*fields.sequence[i]), file.row_ids[i]));
  }
  for (size_t i = 0; i < file.row_values.size(); ++i) {
    CARAVAN_RETURN_IF_ERROR(visit(ValuesColumn(*fields.sequence[i]), file.row_values[i]));
  }
  CARAVAN_RETURN_IF_ERROR(visit("samples/day", file.sample_day));
  for (int i = 0; i < schema.tasks_size(); ++i) {
    CARAVAN_RETURN_IF_ERROR(
        visit(LabelColumn(schema.tasks(i)), file.labels[static_cast<size_t>(i)]));
  }
  return absl::OkStatus();
}

// Ends of consecutive ranges that cover `size` elements.
bool AreEnds(std::span<const uint32_t> ends, size_t size) {
  return std::is_sorted(ends.begin(), ends.end()) && (ends.empty() ? 0 : ends.back()) == size;
}

template <typename T>
bool AreBelow(std::span<const T> values, uint64_t limit) {
  return std::all_of(values.begin(), values.end(), [&](T value) { return value < limit; });
}

// Strictly ascending within each range.
bool AscendWithin(std::span<const uint32_t> ends, std::span<const uint16_t> days) {
  uint32_t begin = 0;
  for (const uint32_t end : ends) {
    for (uint32_t i = begin + 1; i < end; ++i) {
      if (days[i] <= days[i - 1]) return false;
    }
    begin = end;
  }
  return true;
}

// The first thing that does not fit, or nothing.
std::string FindMisfit(const SampleFile& file, const conf::Schema& schema) {
  const FieldsByGroup fields = GroupFields(schema);
  const size_t entities = file.entity_name_ends.size();
  const auto scenarios = static_cast<size_t>(schema.scenarios_size());
  const size_t series = file.series_entity.size();
  const size_t rows = file.row_day.size();
  const size_t samples = file.sample_day.size();
  if (!AreEnds(file.entity_name_ends, file.entity_names.size())) return "entities/name_end";
  for (size_t i = 0; i < fields.profile.size(); ++i) {
    const std::vector<uint32_t>& ids = file.profile_ids[i];
    if (ids.size() != entities || !AreBelow<uint32_t>(ids, fields.profile[i]->values())) {
      return ProfileColumn(*fields.profile[i]);
    }
  }
  for (size_t i = 0; i < fields.scenario.size(); ++i) {
    const std::vector<uint32_t>& ids = file.scenario_ids[i];
    if (ids.size() != scenarios || !AreBelow<uint32_t>(ids, fields.scenario[i]->values())) {
      return ScenarioColumn(*fields.scenario[i]);
    }
  }
  if (!AreBelow<uint32_t>(file.series_entity, entities)) return "series/entity";
  if (file.series_scenario.size() != series ||
      !AreBelow<uint32_t>(file.series_scenario, scenarios)) {
    return "series/scenario";
  }
  if (file.series_row_end.size() != series || !AreEnds(file.series_row_end, rows) ||
      !AscendWithin(file.series_row_end, file.row_day)) {
    return "series/row_end or rows/day";
  }
  if (file.series_sample_end.size() != series || !AreEnds(file.series_sample_end, samples) ||
      !AscendWithin(file.series_sample_end, file.sample_day)) {
    return "series/sample_end or samples/day";
  }
  for (size_t i = 0; i < fields.sequence.size(); ++i) {
    const bool fits = std::visit(
        [&](const auto& ids) {
          using T = typename std::decay_t<decltype(ids)>::value_type;
          return ids.size() == rows && AreBelow<T>(ids, fields.sequence[i]->values());
        },
        file.row_ids[i]);
    if (!fits) return IdsColumn(*fields.sequence[i]);
  }
  for (size_t i = 0; i < file.row_values.size(); ++i) {
    if (file.row_values[i].size() != rows) return ValuesColumn(*fields.sequence[i]);
  }
  for (size_t i = 0; i < file.labels.size(); ++i) {
    if (file.labels[i].size() != samples) return LabelColumn(schema.tasks(static_cast<int>(i)));
  }
  return "";
}

}  // namespace

SampleFile EmptySampleFile(const conf::Schema& schema, std::string split, int32_t first_day) {
  const FieldsByGroup fields = GroupFields(schema);
  SampleFile file;
  file.split = std::move(split);
  file.first_day = first_day;
  file.profile_ids.resize(fields.profile.size());
  file.scenario_ids.resize(fields.scenario.size());
  for (const conf::Field* field : fields.sequence) {
    if (field->values() <= kNarrowValuesMax) {
      file.row_ids.emplace_back(std::vector<uint8_t>());
    } else {
      file.row_ids.emplace_back(std::vector<uint16_t>());
    }
  }
  if (!schema.dense_names().empty()) file.row_values.resize(fields.sequence.size());
  file.labels.resize(static_cast<size_t>(schema.tasks_size()));
  return file;
}

absl::StatusOr<std::string> EncodeSampleFile(const SampleFile& file, const conf::Schema& schema) {
  ColumnFileWriter writer;
  CARAVAN_RETURN_IF_ERROR(VisitColumns(schema, file, ColumnWriter(writer)));
  format::Index& index = writer.index();
  index.set_split(file.split);
  index.set_first_day(file.first_day);
  index.set_entities(static_cast<uint32_t>(file.entity_name_ends.size()));
  index.set_scenarios(static_cast<uint32_t>(schema.scenarios_size()));
  index.set_series(static_cast<uint32_t>(file.series_entity.size()));
  index.set_rows(static_cast<uint32_t>(file.row_day.size()));
  index.set_samples(file.sample_day.size());
  for (int i = 0; i < schema.scenarios_size(); ++i) index.add_scenario_samples(0);
  uint32_t begin = 0;
  for (size_t i = 0; i < file.series_entity.size(); ++i) {
    const auto scenario = static_cast<int>(file.series_scenario[i]);
    index.set_scenario_samples(
        scenario, index.scenario_samples(scenario) + file.series_sample_end[i] - begin);
    begin = file.series_sample_end[i];
  }
  return writer.Finish();
}

absl::StatusOr<SampleFile> DecodeSampleFile(const std::string& path, std::string_view content,
                                            const conf::Schema& schema) {
  CARAVAN_ASSIGN_OR_RETURN(const format::Index index, ParseColumnFile(path, content));
  SampleFile file = EmptySampleFile(schema, index.split(), index.first_day());
  CARAVAN_RETURN_IF_ERROR(VisitColumns(schema, file, ColumnReader(path, content, index)));
  if (const std::string misfit = FindMisfit(file, schema); !misfit.empty()) {
    return absl::DataLossError(
        fmt::format("{}: column {} does not fit the schema beside it", path, misfit));
  }
  return file;
}

}  // namespace caravan::data
