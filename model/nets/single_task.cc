#include "model/nets/single_task.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "model/nets/features.h"
#include "model/nets/outputs.h"
#include "model/ops/concat.h"
#include "model/ops/row_embedding.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildSingleTask(const conf::Job& job,
                                                       const conf::Schema& schema) {
  const conf::Model& model = job.model();
  const uint32_t width = model.embedding_width();
  CARAVAN_ASSIGN_OR_RETURN(
      std::unique_ptr<Graph> graph,
      StartGraph(job, schema, width * static_cast<uint32_t>(schema.tasks_size())));
  const auto tasks = static_cast<uint32_t>(graph->tasks().size());
  std::vector<ValueId> bottoms;
  for (uint32_t t = 0; t < tasks; ++t) {
    const std::string prefix = graph->tasks()[t].name + ".";
    const RowColumns columns{.first = t * width, .width = width};
    std::vector<ValueId> parts = AddFeatureParts(*graph, model, prefix, columns);
    parts.push_back(
        AddRowEmbedding(*graph, prefix + "attributes", AttributeFields(*graph), columns));
    bottoms.push_back(AddLayer(*graph, prefix + "bottom",
                               AddConcat(*graph, prefix + "features", parts), model,
                               {model.view_width()}));
  }
  const ValueId all = AddConcat(*graph, "bottoms", bottoms, {tasks, model.view_width()});
  const ValueId towers = AddTaskLayer(*graph, "towers", all, model, kTowerWidth);
  CARAVAN_RETURN_IF_ERROR(AddOutputs(*graph, towers, job, schema));
  return graph;
}

}  // namespace caravan::model
