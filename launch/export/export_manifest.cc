#include "launch/export/export_manifest.h"
#include "launch/export/vocabulary.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "conf/fingerprint.h"
#include "data/dense_features.h"
#include "model/onnx_builder.h"

namespace caravan::launch {
namespace {

using Json = nlohmann::ordered_json;

std::string Hex(uint64_t value) { return fmt::format("{:016x}", value); }

bool IsSequence(const conf::Field& field) {
  return field.group() == conf::BEHAVIOUR || field.group() == conf::PERFORMANCE;
}

Json RunJson(const ManifestContent& content) {
  const conf::RunSpec& run = content.run;
  return {{"run_id", Hex(run.run_id())},
          {"job", run.job().name()},
          {"net", run.model().net()},
          {"checkpoint", content.checkpoint},
          {"job_fingerprint", Hex(conf::JobFingerprint(run.job()))},
          {"model_fingerprint", Hex(conf::ModelFingerprint(run.model()))},
          {"data_fingerprint", Hex(run.schema().data_fingerprint())},
          {"trained_by", run.version()},
          {"exported_by", content.version}};
}

Json TablesJson(const ManifestContent& content) {
  Json tables = Json::array();
  for (size_t t = 0; t < content.tables.size(); ++t) {
    const conf::TableSpec& spec = content.run.model().tables(static_cast<int>(t));
    Json table = {{"name", spec.name()}, {"width", spec.width()}};
    table["keys"] = content.tables[t].keys;
    table["file"] = content.tables[t].file.empty() ? Json() : Json(content.tables[t].file);
    tables.push_back(std::move(table));
  }
  return tables;
}

// The last bound is +inf, which JSON has no word for; a value's id follows from the others.
Json BoundsJson(const conf::Field& field) {
  Json bounds = Json::array();
  for (const float bound : field.bounds()) {
    if (std::isfinite(bound)) bounds.push_back(bound);
  }
  return bounds;
}

Json InputJson(const ManifestContent& content, const conf::Field& field, bool in_graph) {
  Json shape = {"batch"};
  if (IsSequence(field)) shape.push_back(content.run.schema().history_days());
  if (!in_graph) shape.push_back(content.run.model().tables(field.group()).width());
  return {{"name", field.name()},
          {"holds", in_graph ? "value_ids" : "rows"},
          {"type", in_graph ? "int64" : "float32"},
          {"shape", std::move(shape)}};
}

Json FieldsJson(const ManifestContent& content) {
  Json fields = Json::array();
  for (int f = 0; f < content.run.schema().fields_size(); ++f) {
    const conf::Field& field = content.run.schema().fields(f);
    const ManifestTable& table = content.tables[field.group()];
    Json entry = {{"name", field.name()},
                  {"group", GroupName(field.group())},
                  {"column", field.name().substr(field.name().find('.') + 1)},
                  {"sequence", IsSequence(field)},
                  {"table", content.run.model().tables(field.group()).name()},
                  {"first_key", field.first_key()},
                  {"values", field.values()}};
    entry["kind"] = field.bounds_size() > 0 ? "numeric" : "categorical";
    if (field.bounds_size() > 0) {
      entry["bounds"] = BoundsJson(field);
    } else {
      entry["categories"] =
          Json(std::vector<std::string>(field.categories().begin(), field.categories().end()));
    }
    const bool in_graph = table.keys > 0 && table.file.empty();
    entry["input"] =
        content.reads_field[static_cast<size_t>(f)] ? InputJson(content, field, in_graph) : Json();
    fields.push_back(std::move(entry));
  }
  return fields;
}

Json DenseJson(const ManifestContent& content) {
  const conf::Schema& schema = content.run.schema();
  Json features = Json::array();
  for (int i = 0; i < schema.dense_names_size(); ++i) {
    const std::string& name = schema.dense_names(i);
    Json feature = {{"name", name}};
    if (const auto parsed = data::ParseDenseName(name); parsed.ok()) {
      feature["field"] = parsed->field;
      feature["statistic"] =
          parsed->statistic == data::DenseStatistic::kTotal ? "total" : "days_nonzero";
      feature["days"] = parsed->days;
    }
    feature["mean"] = schema.dense_means(i);
    feature["deviation"] = schema.dense_deviations(i);
    features.push_back(std::move(feature));
  }
  Json input;
  if (content.reads_dense_features) {
    input = {{"name", model::kOnnxDenseInput},
             {"type", "float32"},
             {"shape", {"batch", schema.dense_names_size()}}};
  }
  return {{"input", std::move(input)},
          {"definition",
           "x = (sign(s) * log1p(|s|) - mean) / deviation; s: the total of the field's raw values "
           "over the last `days` days up to the anchor day, or the number of days on which they "
           "are not 0; missing ones count as 0"},
          {"features", std::move(features)}};
}

Json TasksJson(const ManifestContent& content) {
  Json tasks = Json::array();
  for (int t = 0; t < content.run.job().data().tasks_size(); ++t) {
    const conf::Task& task = content.run.job().data().tasks(t);
    Json entry = {{"name", task.name()},
                  {"column", task.column().empty() ? task.name() : task.column()},
                  {"aggregate", conf::Aggregate_Name(task.aggregate())},
                  {"loss", conf::Loss_Name(task.loss())},
                  {"output", {{"name", task.name()}, {"type", "float32"}, {"shape", {"batch"}}}}};
    if (t < content.run.schema().tasks_size()) {
      entry["training_mean"] = content.run.schema().tasks(t).training_mean();
    }
    tasks.push_back(std::move(entry));
  }
  return tasks;
}

Json ScenariosJson(const conf::Schema& schema) {
  Json scenarios = Json::array();
  for (int s = 0; s < schema.scenarios_size(); ++s) {
    Json entry = {{"id", schema.scenarios(s)}};
    entry["name"] =
        s < schema.scenario_names_size() ? schema.scenario_names(s) : schema.scenarios(s);
    scenarios.push_back(std::move(entry));
  }
  return scenarios;
}

}  // namespace

std::string ManifestJson(const ManifestContent& content) {
  const conf::Schema& schema = content.run.schema();
  Json manifest = {{"format", "caravan.export"}, {"version", kExportManifestVersion}};
  manifest["run"] = RunJson(content);
  manifest["model"] = {{"file", content.model_file},
                       {"ir_version", model::kOnnxIrVersion},
                       {"opset", model::kOnnxOpset}};
  manifest["history_days"] = schema.history_days();
  manifest["horizon_days"] = schema.horizon_days();
  manifest["scenarios"] = ScenariosJson(schema);
  manifest["tables"] = TablesJson(content);
  manifest["fields"] = FieldsJson(content);
  manifest["dense"] = DenseJson(content);
  manifest["tasks"] = TasksJson(content);
  // Names from the user's files are UTF-8, or nearly: what is not is replaced, never thrown over.
  return manifest.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace caravan::launch
