#include "model/nets/task_weights.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/status_macros.h"
#include "fmt/format.h"

namespace caravan::model {
namespace {

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

}  // namespace

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
  if (weight == conf::INVERSE_DISPERSION) {
    task.by_dispersion = true;
    task.dispersion_samples = job.model().dispersion_samples();
    return task;
  }
  task.lambda /= schema.training_mean();
  if (weight == conf::INVERSE_MEAN) return task;
  CARAVAN_ASSIGN_OR_RETURN(task.scenario_factors, ScenarioFactors(of_data, number, weight));
  return task;
}

}  // namespace caravan::model
