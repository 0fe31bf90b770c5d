#include "model/nets/mran.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "model/initializers.h"
#include "model/nets/features.h"
#include "model/nets/outputs.h"
#include "model/ops/concat.h"
#include "model/ops/linear.h"
#include "model/ops/parameter_value.h"
#include "model/ops/self_attention.h"
#include "model/ops/task_alignment.h"

namespace caravan::model {
namespace {

// [J, d]
ValueId AddTokens(Graph& graph, const conf::Model& model) {
  const uint32_t width = model.view_width();
  std::vector<ValueId> tokens;
  for (const ValueId part : AddFeatureParts(graph, model)) {
    tokens.push_back(AddLayer(graph, graph.value(part).name + ".token", part, model, {width}));
  }
  const auto fields = static_cast<uint32_t>(AttributeFields(graph).size());
  LinearOptions options;
  options.in = model.embedding_width();
  options.out = width;
  options.shape = {fields, width};
  options.slope = model.leaky_relu_slope();
  const auto count = static_cast<uint32_t>(tokens.size()) + fields;
  tokens.push_back(AddLinear(graph, "attributes.token", AddAttributes(graph), std::move(options)));
  return AddConcat(graph, "tokens", tokens, {count, width});
}

// R_t of each task, [m, d].
ValueId AddAlignment(Graph& graph, const conf::Model& model, ValueId tokens) {
  const auto tasks = static_cast<uint32_t>(graph.tasks().size());
  const ParameterId embedding =
      graph.AddParameter("tasks.embedding", {tasks, model.view_width()},
                         NormalInitializer(kAttributeEmbeddingDeviation), false);
  return AddTaskAlignment(graph, "alignment", tokens, AddParameterValue(graph, "tasks", embedding));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Graph>> BuildMran(const conf::Job& job, const conf::Schema& schema) {
  const conf::Model& model = job.model();
  if (model.view_width() % model.heads() != 0) {
    return absl::InvalidArgumentError(
        fmt::format("model.heads is {}, which does not divide model.view_width {}, the width of "
                    "mran's tokens",
                    model.heads(), model.view_width()));
  }
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Graph> graph, StartGraph(job, schema));
  const ValueId tokens =
      AddSelfAttention(*graph, "token_attention", AddTokens(*graph, model), model.heads());
  const ValueId aligned = AddAlignment(*graph, model, tokens);
  const ValueId related = AddSelfAttention(*graph, "task_attention", aligned, model.heads());
  const ValueId towers = AddTaskLayer(*graph, "towers", related, model, kTowerWidth);
  CARAVAN_RETURN_IF_ERROR(AddOutputs(*graph, towers, job, schema));
  return graph;
}

}  // namespace caravan::model
