#include "model/nets/mmoe.h"

#include <numeric>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "model/nets/features.h"
#include "model/nets/outputs.h"
#include "model/ops/gated_mixture.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildMmoe(const conf::Job& job, const conf::Schema& schema) {
  const conf::Model& model = job.model();
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Graph> graph, StartGraph(job, schema));
  const auto tasks = static_cast<uint32_t>(graph->tasks().size());
  const ValueId features = AddAllFeatures(*graph, model);
  const ValueId experts =
      AddLayer(*graph, "experts", features, model, {model.experts(), model.view_width()});
  std::vector<uint32_t> all(model.experts());
  std::iota(all.begin(), all.end(), 0U);
  const ValueId mixed =
      AddGatedMixture(*graph, "mixture", AddGates(*graph, features, model.experts()), experts,
                      GateChoices(tasks, all));
  const ValueId towers = AddTaskLayer(*graph, "towers", mixed, model, kTowerWidth);
  CARAVAN_RETURN_IF_ERROR(AddOutputs(*graph, towers, job, schema));
  return graph;
}

}  // namespace caravan::model
