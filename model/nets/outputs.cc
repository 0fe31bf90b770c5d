#include "model/nets/outputs.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "model/nets/features.h"
#include "model/ops/dense_input.h"
#include "model/ops/exposure_offset.h"
#include "model/ops/linear.h"
#include "model/ops/link.h"
#include "model/ops/loss.h"
#include "model/ops/residual.h"
#include "model/ops/task_head.h"

namespace caravan::model {
namespace {

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
          fmt::format("{}.{}.{}_{}", TableName(table), column, statistic, days);
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
