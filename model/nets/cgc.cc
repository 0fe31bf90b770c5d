#include "model/nets/cgc.h"

#include <numeric>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "model/nets/features.h"
#include "model/nets/outputs.h"
#include "model/ops/gated_mixture.h"

namespace caravan::model {
namespace {

constexpr uint32_t kSharedExperts = 3;

}  // namespace

absl::StatusOr<std::unique_ptr<Graph>> BuildCgc(const conf::Job& job, const conf::Schema& schema) {
  const conf::Model& model = job.model();
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Graph> graph, StartGraph(job, schema));
  const auto tasks = static_cast<uint32_t>(graph->tasks().size());
  const ValueId features = AddAllFeatures(*graph, model);
  const ValueId experts =
      AddLayer(*graph, "experts", features, model, {kSharedExperts + tasks, model.view_width()});
  GateChoices choices;
  for (uint32_t t = 0; t < tasks; ++t) {
    std::vector<uint32_t>& chosen = choices.emplace_back(kSharedExperts);
    std::iota(chosen.begin(), chosen.end(), 0U);
    chosen.push_back(kSharedExperts + t);
  }
  const ValueId gates = AddGates(*graph, features, kSharedExperts + 1);
  const ValueId mixed = AddGatedMixture(*graph, "mixture", gates, experts, std::move(choices));
  const ValueId towers = AddTaskLayer(*graph, "towers", mixed, model, kTowerWidth);
  CARAVAN_RETURN_IF_ERROR(AddOutputs(*graph, towers, job, schema));
  return graph;
}

}  // namespace caravan::model
