#include "model/nets/cross_stitch.h"

#include <utility>

#include "base/status_macros.h"
#include "model/nets/features.h"
#include "model/nets/outputs.h"
#include "model/ops/cross_stitch.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildCrossStitch(const conf::Job& job,
                                                        const conf::Schema& schema) {
  const conf::Model& model = job.model();
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Graph> graph, StartGraph(job, schema));
  const auto tasks = static_cast<uint32_t>(graph->tasks().size());
  const ValueId first = AddLayer(*graph, "columns.1", AddAllFeatures(*graph, model), model,
                                 {tasks, model.view_width()});
  const ValueId mixed = AddCrossStitch(*graph, "stitch.1", first);
  const ValueId second = AddTaskLayer(*graph, "columns.2", mixed, model, model.view_width());
  const ValueId columns = AddCrossStitch(*graph, "stitch.2", second);
  CARAVAN_RETURN_IF_ERROR(AddOutputs(*graph, columns, job, schema));
  return graph;
}

}  // namespace caravan::model
