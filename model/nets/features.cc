#include "model/nets/features.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "model/initializers.h"
#include "model/nets/task_weights.h"
#include "model/ops/concat.h"
#include "model/ops/dense_input.h"
#include "model/ops/dropout.h"
#include "model/ops/linear.h"
#include "model/ops/mean_pool.h"
#include "model/ops/row_embedding.h"
#include "model/ops/self_attention.h"
#include "model/ops/sequence_embedding.h"

namespace caravan::model {
namespace {

bool IsSequence(uint32_t table) { return table == conf::BEHAVIOUR || table == conf::PERFORMANCE; }

std::vector<uint32_t> FieldsOf(const Graph& graph, uint32_t table) {
  std::vector<uint32_t> fields;
  for (uint32_t i = 0; i < graph.fields().size(); ++i) {
    if (graph.fields()[i].table == table) fields.push_back(i);
  }
  return fields;
}

absl::Status CheckSizes(const conf::Job& job, const Graph& graph) {
  if (graph.tasks().empty()) {
    return absl::InvalidArgumentError("data.tasks is empty; a net needs at least one task");
  }
  if (FieldsOf(graph, conf::SCENARIO).empty() && FieldsOf(graph, conf::PROFILE).empty()) {
    return absl::InvalidArgumentError(
        "the imported data has neither scenario nor profile fields; the scenario's id is one");
  }
  bool has_sequence = false;
  for (const uint32_t table : {conf::BEHAVIOUR, conf::PERFORMANCE}) {
    const auto fields = static_cast<uint32_t>(FieldsOf(graph, table).size());
    if (fields == 0) continue;
    has_sequence = true;
    const uint32_t width = (fields + 1) * job.model().embedding_width();
    if (job.model().transformer() && width % job.model().heads() != 0) {
      return absl::InvalidArgumentError(fmt::format(
          "model.heads is {}, which does not divide the {} encoder's width {} "
          "(({} fields + position) * model.embedding_width {})",
          job.model().heads(), TableName(table), width, fields, job.model().embedding_width()));
    }
  }
  if (!has_sequence && graph.dense_features() == 0) {
    return absl::InvalidArgumentError(
        "data.behaviour_columns, data.performance_columns and the dense features are all empty; "
        "a net needs one of them");
  }
  return absl::OkStatus();
}

}  // namespace

const char* TableName(uint32_t table) {
  static constexpr const char* kNames[] = {"scenario", "profile", "behaviour", "performance"};
  static_assert(std::size(kNames) == conf::FieldGroup_ARRAYSIZE);
  return kNames[table];
}

absl::StatusOr<std::unique_ptr<Graph>> StartGraph(const conf::Job& job, const conf::Schema& schema,
                                                  uint32_t row_width) {
  auto graph = std::make_unique<Graph>(job.model().net(), schema.history_days(),
                                       static_cast<uint32_t>(schema.dense_names_size()));
  for (uint32_t table = 0; table < conf::FieldGroup_ARRAYSIZE; ++table) {
    conf::TableSpec spec;
    spec.set_name(TableName(table));
    spec.set_width(row_width == 0 ? job.model().embedding_width() : row_width);
    *spec.mutable_initializer() = NormalInitializer(
        IsSequence(table) ? kSequenceEmbeddingDeviation : kAttributeEmbeddingDeviation);
    graph->AddTable(std::move(spec));
  }
  for (const conf::Field& field : schema.fields()) {
    const auto table = static_cast<uint32_t>(field.group());
    graph->AddField({field.name(), table, IsSequence(table)});
  }
  for (int number = 0; number < schema.tasks_size(); ++number) {
    CARAVAN_ASSIGN_OR_RETURN(GraphTask task, TaskOf(job, schema, number));
    graph->AddTask(std::move(task));
  }
  CARAVAN_RETURN_IF_ERROR(CheckSizes(job, *graph));
  return graph;
}

std::vector<ValueId> AddFeatureParts(Graph& graph, const conf::Model& model,
                                     const std::string& prefix, RowColumns columns) {
  std::vector<ValueId> parts;
  for (const uint32_t table : {conf::BEHAVIOUR, conf::PERFORMANCE}) {
    const std::vector<uint32_t> fields = FieldsOf(graph, table);
    if (fields.empty()) continue;
    const std::string name = prefix + TableName(table);
    ValueId days = AddSequenceEmbedding(graph, name, fields, columns);
    if (model.transformer()) {
      days = AddSelfAttention(graph, name + ".encoder", days, model.heads());
    }
    if (model.sequence_pool() == conf::MEAN) days = AddMeanPool(graph, name + ".mean", days);
    parts.push_back(AddDropout(graph, name + ".dropout", days, model.dropout()));
  }
  if (graph.dense_features() > 0) parts.push_back(AddDenseInput(graph, prefix + "dense_features"));
  return parts;
}

ValueId AddSampleFeatures(Graph& graph, const conf::Model& model) {
  return AddConcat(graph, "features", AddFeatureParts(graph, model));
}

std::vector<uint32_t> AttributeFields(const Graph& graph) {
  std::vector<uint32_t> fields = FieldsOf(graph, conf::SCENARIO);
  std::ranges::copy(FieldsOf(graph, conf::PROFILE), std::back_inserter(fields));
  return fields;
}

ValueId AddAttributes(Graph& graph) {
  return AddRowEmbedding(graph, "attributes", AttributeFields(graph));
}

ValueId AddAllFeatures(Graph& graph, const conf::Model& model) {
  std::vector<ValueId> parts = AddFeatureParts(graph, model);
  parts.push_back(AddAttributes(graph));
  return AddConcat(graph, "features", parts);
}

ValueId AddLayer(Graph& graph, const std::string& name, ValueId input, const conf::Model& model,
                 Shape shape) {
  LinearOptions options;
  options.in = static_cast<uint32_t>(graph.value(input).elements);
  options.out = static_cast<uint32_t>(ElementsOf(shape));
  options.shape = std::move(shape);
  options.slope = model.leaky_relu_slope();
  return AddLinear(graph, name, input, std::move(options));
}

ValueId AddTaskLayer(Graph& graph, const std::string& name, ValueId input, const conf::Model& model,
                     uint32_t out) {
  LinearOptions options;
  options.in = graph.value(input).shape.back();
  options.out = out;
  options.shape = {graph.value(input).shape[0], out};
  options.slope = model.leaky_relu_slope();
  for (const GraphTask& task : graph.tasks()) options.groups.push_back(task.name);
  return AddLinear(graph, name, input, std::move(options));
}

ValueId AddGates(Graph& graph, ValueId features, uint32_t choices) {
  LinearOptions options;
  options.in = static_cast<uint32_t>(graph.value(features).elements);
  options.out = static_cast<uint32_t>(graph.tasks().size()) * choices;
  options.shape = {static_cast<uint32_t>(graph.tasks().size()), choices};
  return AddLinear(graph, "gates", features, std::move(options));
}

}  // namespace caravan::model
