#include "model/nets/shared_bottom.h"

#include <utility>

#include "base/status_macros.h"
#include "model/nets/features.h"
#include "model/nets/outputs.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildSharedBottom(const conf::Job& job,
                                                         const conf::Schema& schema) {
  const conf::Model& model = job.model();
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Graph> graph, StartGraph(job, schema));
  const auto tasks = static_cast<uint32_t>(graph->tasks().size());
  const ValueId bottom =
      AddLayer(*graph, "bottom", AddAllFeatures(*graph, model), model, {model.view_width()});
  // The towers' first layers read the same bottom: one product.
  const ValueId towers = AddLayer(*graph, "towers", bottom, model, {tasks, kTowerWidth});
  CARAVAN_RETURN_IF_ERROR(AddOutputs(*graph, towers, job, schema));
  return graph;
}

}  // namespace caravan::model
