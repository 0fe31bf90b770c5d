#include "model/nets/m2m.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "model/initializers.h"
#include "model/nets/features.h"
#include "model/nets/outputs.h"
#include "model/ops/dropout.h"
#include "model/ops/expert_mixture.h"
#include "model/ops/linear.h"
#include "model/ops/low_rank_layer.h"
#include "model/ops/meta_layer.h"
#include "model/ops/pair_concat.h"
#include "model/ops/parameter_value.h"
#include "model/ops/residual.h"

namespace caravan::model {
namespace {

// The parts of the net that several equations share.
struct M2m {
  Graph& graph;
  const conf::Model& model;
  ValueId scenario;                 // S~, [s]
  std::vector<std::string> groups;  // tasks, under meta_scope TASK

  // E_i = LeakyReLU(W_i F + b_i), all k in one product (eq. 6): [k, d].
  ValueId Experts(ValueId features) const {
    return AddLayer(graph, "experts", features, model, {model.experts(), model.view_width()});
  }

  // T_t = LeakyReLU(W Embedding(t) + b) (eq. 7): [m, d], the same for all samples.
  ValueId TaskViews() const {
    const auto tasks = static_cast<uint32_t>(graph.tasks().size());
    const ParameterId embedding =
        graph.AddParameter("tasks.embedding", {tasks, model.embedding_width()},
                           NormalInitializer(kAttributeEmbeddingDeviation), false);
    LinearOptions options;
    options.shape = {tasks, model.view_width()};
    options.in = model.embedding_width();
    options.out = model.view_width();
    options.slope = model.leaky_relu_slope();
    return AddLinear(graph, "task_views", AddParameterValue(graph, "tasks", embedding), options);
  }

  MetaOptions LayerOptions() const {
    MetaOptions options;
    options.slope = model.leaky_relu_slope();
    // He-normal maps and LeakyReLU hand on the size of what they are given.
    options.scenario_size = kAttributeEmbeddingDeviation;
    options.groups = groups;
    return options;
  }

  // K layers (eq. 9-13), of low rank where the job says so, or as many ordinary ones of the same
  // width where `meta` is off (Table 5); from layer `first` on.
  ValueId MetaUnit(const std::string& name, ValueId input, bool meta, uint32_t first = 1) const {
    ValueId value = input;
    for (uint32_t layer = first; layer <= model.meta().layers(); ++layer) {
      const std::string layer_name = fmt::format("{}.layer{}", name, layer);
      if (meta && model.meta().rank() > 0) {
        value = AddLowRankLayer(graph, layer_name, value, scenario, model.meta().rank(),
                                LayerOptions());
      } else if (meta) {
        value = AddMetaLayer(graph, layer_name, value, scenario, LayerOptions());
      } else {
        LinearOptions options;
        options.shape = graph.value(input).shape;
        options.in = options.shape.back();
        options.out = options.shape.back();
        options.slope = model.leaky_relu_slope();
        options.groups = groups;
        value = AddLinear(graph, layer_name, value, options);
      }
    }
    return value;
  }

  // Meta_t of every expert beside every task's view (eq. 14): [m, k, 2d].
  ValueId PairUnit(ValueId experts, ValueId views) const {
    const std::string name = "meta_attention";
    if (!model.meta_attention() || model.meta().rank() > 0) {
      return MetaUnit(name, AddPairConcat(graph, "pairs", experts, views), model.meta_attention());
    }
    const ValueId first =
        AddPairMetaLayer(graph, name + ".layer1", experts, views, scenario, LayerOptions());
    return MetaUnit(name, first, true, 2);
  }

  // L^j = LeakyReLU(Meta^(j-1)(L^(j-1)) + L^(j-1)), j = 1..L (eq. 17-18): [m, d].
  ValueId Tower(ValueId input) const {
    ValueId value = input;
    for (uint32_t j = 1; j <= model.meta().tower_layers(); ++j) {
      const std::string name = fmt::format("tower.{}", j);
      value = AddResidual(graph, name, MetaUnit(name, value, model.meta_tower()), value,
                          model.leaky_relu_slope());
    }
    return value;
  }
};

// S~ = LeakyReLU(W [embeddings of S and A] + b) (eq. 8): [s].
ValueId ScenarioKnowledge(Graph& graph, const conf::Model& model) {
  const std::string name = "scenario_knowledge";
  const ValueId knowledge =
      AddLayer(graph, name, AddAttributes(graph), model, {model.meta().scenario_width()});
  return AddDropout(graph, name + ".dropout", knowledge, model.meta().dropout());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Graph>> BuildM2m(const conf::Job& job, const conf::Schema& schema) {
  const conf::Model& model = job.model();
  if (!model.meta_attention() && !model.meta_tower()) {
    // Nothing would follow from S and A, which F does not hold.
    return absl::InvalidArgumentError(
        "model.meta_attention and model.meta_tower are both false; at most one may be: the "
        "scenario "
        "enters through them alone");
  }
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Graph> graph, StartGraph(job, schema));
  const ValueId features = AddSampleFeatures(*graph, model);
  M2m net{*graph, model, ScenarioKnowledge(*graph, model), {}};
  if (model.meta().scope() == conf::TASK) {
    for (const GraphTask& task : graph->tasks()) net.groups.push_back(task.name);
  }
  const ValueId experts = net.Experts(features);
  const ValueId hidden = net.PairUnit(experts, net.TaskViews());
  const ValueId mixed = AddExpertMixture(*graph, "meta_attention", hidden, experts);
  CARAVAN_RETURN_IF_ERROR(AddOutputs(*graph, net.Tower(mixed), job, schema));
  return graph;
}

}  // namespace caravan::model
