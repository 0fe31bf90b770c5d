#include "model/nets/features.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "model/initializers.h"
#include "model/ops/concat.h"
#include "model/ops/dense_input.h"
#include "model/ops/dropout.h"
#include "model/ops/exposure_offset.h"
#include "model/ops/linear.h"
#include "model/ops/link.h"
#include "model/ops/loss.h"
#include "model/ops/mean_pool.h"
#include "model/ops/residual.h"
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

// No sample weighs more than so many times what it would by its task alone: a cell whose labels
// hardly ever differ from 0 says little, loudly.
constexpr double kScenarioFactorMax = 100;

// What sets a sample's weight apart from lambda by its scenario.
absl::StatusOr<std::vector<double>> ScenarioFactors(const conf::Schema& schema, int task,
                                                    conf::TaskWeight weight) {
  const conf::TaskSchema& of_task = schema.tasks(task);
  const auto train = std::ranges::find(schema.splits(), "train", &conf::SplitSchema::name);
  if (train == schema.splits().end() || train->scenario_samples_size() != schema.scenarios_size() ||
      of_task.scenario_means_size() != schema.scenarios_size()) {
    return absl::InvalidArgumentError(
        fmt::format("model.task_weight {}: the data folder has no means by scenario; one of an "
                    "earlier build must be imported anew",
                    conf::TaskWeight_Name(weight)));
  }
  const auto& samples = train->scenario_samples();
  const double all = std::accumulate(samples.begin(), samples.end(), 0.0);
  std::vector<double> factors;
  for (int scenario = 0; scenario < schema.scenarios_size(); ++scenario) {
    const double mean = of_task.scenario_means(scenario);
    double factor = mean > 0 ? of_task.training_mean() / mean : 1;
    if (weight == conf::INVERSE_SCENARIO_TOTAL && samples[scenario] > 0) {
      factor *= all / (schema.scenarios_size() * static_cast<double>(samples[scenario]));
    }
    factors.push_back(std::min(factor, kScenarioFactorMax));
  }
  return factors;
}

absl::StatusOr<GraphTask> TaskOf(const conf::Job& job, const conf::Schema& of_data, int number) {
  const conf::TaskSchema& schema = of_data.tasks(number);
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
  const conf::TaskWeight weight = job.model().task_weight();
  if (task.loss != conf::POISSON || weight == conf::UNIT || schema.training_mean() <= 0) {
    return task;
  }
  task.lambda /= schema.training_mean();
  if (weight == conf::INVERSE_MEAN) return task;
  CARAVAN_ASSIGN_OR_RETURN(task.scenario_factors, ScenarioFactors(of_data, number, weight));
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

// Which dense feature of the schema holds the exposure of `task`; dense_names_size where none does.
int ExposureFeature(const conf::Job& job, const conf::Schema& schema, const GraphTask& task,
                    uint32_t days) {
  const auto& tasks = job.data().tasks();
  const auto found = std::ranges::find(tasks, task.name, &conf::Task::name);
  const std::string& column = found->column().empty() ? found->name() : found->column();
  const bool counts = found->aggregate() != conf::ANY_NONZERO && task.loss == conf::POISSON;
  const char* statistic = found->aggregate() == conf::SUM ? "total" : "nonzero";
  int feature = 0;
  for (; counts && feature < schema.dense_names_size(); ++feature) {
    for (const uint32_t table : {conf::BEHAVIOUR, conf::PERFORMANCE}) {
      const std::string name =
          fmt::format("{}.{}.{}_{}", kTableNames[table], column, statistic, days);
      if (schema.dense_names(feature) == name) return feature;
    }
  }
  return schema.dense_names_size();
}

// By task; empty where no task has an exposure.
absl::StatusOr<std::vector<Exposure>> Exposures(const Graph& graph, const conf::Job& job,
                                                const conf::Schema& schema) {
  const uint32_t days_of_all = job.model().exposure_offset_days();
  const bool is_auto = job.model().exposure_offset_auto();
  if (days_of_all == 0 && !is_auto) return std::vector<Exposure>{};
  if (days_of_all != 0 && is_auto) {
    return absl::InvalidArgumentError(
        "model.exposure_offset_auto chooses the days itself: leave out "
        "model.exposure_offset_days");
  }
  if (job.model().link() != conf::EXP) {
    return absl::InvalidArgumentError(
        "model.exposure_offset_days and _auto need model.link EXP: an offset multiplies a rate");
  }
  std::vector<Exposure> exposures(graph.tasks().size());
  bool found = false;
  for (size_t t = 0; t < exposures.size(); ++t) {
    const uint32_t days = is_auto ? schema.tasks(static_cast<int>(t)).exposure_days() : days_of_all;
    const int feature = ExposureFeature(job, schema, graph.tasks()[t], days);
    if (feature == schema.dense_names_size()) continue;
    found = true;
    const double shift = std::log(schema.horizon_days() / static_cast<double>(days));
    exposures[t] = {.feature = static_cast<uint32_t>(feature),
                    .scale = schema.dense_deviations(feature),
                    .shift = static_cast<float>(schema.dense_means(feature) + shift)};
  }
  if (found) return exposures;
  if (is_auto) {
    return absl::InvalidArgumentError(
        "model.exposure_offset_auto: no Poisson task has a dense feature of its column, "
        "which must be among data.performance_columns or data.behaviour_columns (a data folder of "
        "an earlier build must be imported anew)");
  }
  return absl::InvalidArgumentError(fmt::format(
      "model.exposure_offset_days is {}, but no Poisson task has a dense feature over so "
      "many days: its column must be among data.performance_columns or data.behaviour_columns, and "
      "{} among data.dense_windows",
      days_of_all, days_of_all));
}

bool HasExposure(const std::vector<Exposure>& exposures, size_t task) {
  return !exposures.empty() && exposures[task].scale != 0;
}

// z and a linear map of the dense features.
ValueId AddWidePart(Graph& graph, ValueId z) {
  LinearOptions options;
  options.in = graph.dense_features();
  options.out = static_cast<uint32_t>(graph.tasks().size());
  options.shape = {options.out};
  options.bias = false;  // the head has one
  options.deviation = 0;
  const ValueId features = AddDenseInput(graph, "wide.features");
  return AddResidual(graph, "wide.sum", AddLinear(graph, "wide", features, options), z, 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Graph>> StartGraph(const conf::Job& job, const conf::Schema& schema,
                                                  uint32_t row_width) {
  auto graph = std::make_unique<Graph>(job.model().net(), schema.history_days(),
                                       static_cast<uint32_t>(schema.dense_names_size()));
  for (uint32_t table = 0; table < std::size(kTableNames); ++table) {
    conf::TableSpec spec;
    spec.set_name(kTableNames[table]);
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
    const std::string name = prefix + kTableNames[table];
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

absl::Status AddOutputs(Graph& graph, ValueId x, const conf::Job& job, const conf::Schema& schema) {
  CARAVAN_ASSIGN_OR_RETURN(std::vector<Exposure> exposures, Exposures(graph, job, schema));
  std::vector<double> starts;
  for (size_t t = 0; t < graph.tasks().size(); ++t) {
    const double mean = schema.tasks(static_cast<int>(t)).training_mean();
    // With an exposure z is the log of a rate, which starts at 1.
    starts.push_back(HasExposure(exposures, t) ? 0 : InverseLink(LinkOf(graph.tasks()[t]), mean));
  }
  ValueId z = AddTaskHead(graph, "head", x, starts);
  if (job.model().wide()) {
    if (graph.dense_features() == 0) {
      return absl::InvalidArgumentError(
          "model.wide is a map of the dense features, of which the data has none: see "
          "data.dense_features");
    }
    z = AddWidePart(graph, z);
  }
  if (!exposures.empty()) z = AddExposureOffset(graph, "exposure", z, std::move(exposures));
  const ValueId predictions = AddLink(graph, "predictions", z);
  graph.SetOutputs(predictions, AddLoss(graph, "losses", z));
  return absl::OkStatus();
}

}  // namespace caravan::model
