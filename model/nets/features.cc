#include "model/nets/features.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "model/initializers.h"
#include "model/ops/concat.h"
#include "model/ops/dense_input.h"
#include "model/ops/link.h"
#include "model/ops/loss.h"
#include "model/ops/mean_pool.h"
#include "model/ops/row_embedding.h"
#include "model/ops/self_attention.h"
#include "model/ops/sequence_embedding.h"
#include "model/ops/task_head.h"

namespace caravan::model {
namespace {

// By FieldGroup.
constexpr const char* kTableNames[] = {"scenario", "profile", "behaviour", "performance"};

bool IsSequence(uint32_t table) { return table == conf::BEHAVIOUR || table == conf::PERFORMANCE; }

std::vector<uint32_t> FieldsOf(const Graph& graph, uint32_t table) {
  std::vector<uint32_t> fields;
  for (uint32_t i = 0; i < graph.fields().size(); ++i) {
    if (graph.fields()[i].table == table) fields.push_back(i);
  }
  return fields;
}

absl::StatusOr<GraphTask> TaskOf(const conf::Job& job, const conf::TaskSchema& schema) {
  const auto& tasks = job.data().tasks();
  const auto found = std::ranges::find(tasks, schema.name(), &conf::Task::name);
  if (found == tasks.end()) {
    return absl::InvalidArgumentError(
        fmt::format("data.tasks has no task {}, which the imported data has", schema.name()));
  }
  GraphTask task;
  task.name = schema.name();
  task.loss = found->loss();
  task.link = job.model().link();
  task.lambda = found->weight();
  // A cross-entropy is of the size of 1 whatever the mean.
  if (task.loss == conf::POISSON && job.model().task_weight() == conf::INVERSE_MEAN &&
      schema.training_mean() > 0) {
    task.lambda /= schema.training_mean();
  }
  return task;
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
          job.model().heads(), kTableNames[table], width, fields, job.model().embedding_width()));
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

absl::StatusOr<std::unique_ptr<Graph>> StartGraph(const conf::Job& job,
                                                  const conf::Schema& schema) {
  auto graph = std::make_unique<Graph>(job.model().net(), schema.history_days(),
                                       static_cast<uint32_t>(schema.dense_names_size()));
  for (uint32_t table = 0; table < std::size(kTableNames); ++table) {
    conf::TableSpec spec;
    spec.set_name(kTableNames[table]);
    spec.set_width(job.model().embedding_width());
    *spec.mutable_initializer() = NormalInitializer(
        IsSequence(table) ? kSequenceEmbeddingDeviation : kAttributeEmbeddingDeviation);
    graph->AddTable(std::move(spec));
  }
  for (const conf::Field& field : schema.fields()) {
    const auto table = static_cast<uint32_t>(field.group());
    graph->AddField({field.name(), table, IsSequence(table)});
  }
  for (const conf::TaskSchema& task_schema : schema.tasks()) {
    CARAVAN_ASSIGN_OR_RETURN(GraphTask task, TaskOf(job, task_schema));
    graph->AddTask(std::move(task));
  }
  CARAVAN_RETURN_IF_ERROR(CheckSizes(job, *graph));
  return graph;
}

ValueId AddSampleFeatures(Graph& graph, const conf::Model& model) {
  std::vector<ValueId> parts;
  for (const uint32_t table : {conf::BEHAVIOUR, conf::PERFORMANCE}) {
    const std::vector<uint32_t> fields = FieldsOf(graph, table);
    if (fields.empty()) continue;
    const std::string name = kTableNames[table];
    ValueId days = AddSequenceEmbedding(graph, name, fields);
    if (model.transformer()) {
      days = AddSelfAttention(graph, name + ".encoder", days, model.heads());
    }
    parts.push_back(model.sequence_pool() == conf::MEAN ? AddMeanPool(graph, name + ".mean", days)
                                                        : days);
  }
  if (graph.dense_features() > 0) parts.push_back(AddDenseInput(graph, "dense_features"));
  return AddConcat(graph, "features", parts);
}

ValueId AddAttributes(Graph& graph) {
  std::vector<uint32_t> fields = FieldsOf(graph, conf::SCENARIO);
  std::ranges::copy(FieldsOf(graph, conf::PROFILE), std::back_inserter(fields));
  return AddRowEmbedding(graph, "attributes", fields);
}

void AddOutputs(Graph& graph, ValueId x, const conf::Schema& schema) {
  std::vector<double> starts;
  for (size_t t = 0; t < graph.tasks().size(); ++t) {
    const double mean = schema.tasks(static_cast<int>(t)).training_mean();
    starts.push_back(InverseLink(LinkOf(graph.tasks()[t]), mean));
  }
  const ValueId z = AddTaskHead(graph, "head", x, starts);
  const ValueId predictions = AddLink(graph, "predictions", z);
  graph.SetOutputs(predictions, AddLoss(graph, "losses", z));
}

}  // namespace caravan::model
