#include <cmath>
#include <memory>
#include <utility>

#include "fmt/format.h"
#include "glog/logging.h"
#include "model/initializers.h"
#include "model/ops/meta_layer.h"

namespace caravan::model {
namespace {

std::vector<MetaWeights> AddWeights(Graph& graph, const std::string& name, const MetaSizes& sizes,
                                    const MetaOptions& options) {
  const uint32_t n = sizes.width;
  // v_w has half the variance of He's layer, V_w S the other half.
  const double start = std::sqrt(1.0 / n);
  const double map = start / (std::sqrt(1.0 * sizes.scenario) * options.scenario_size);
  std::vector<MetaWeights> weights;
  for (const std::string& group :
       options.groups.empty() ? std::vector<std::string>{""} : options.groups) {
    const std::string prefix = group.empty() ? name : fmt::format("{}.{}", name, group);
    MetaWeights& one = weights.emplace_back();
    one.weight_map =
        graph.AddParameter(prefix + ".V_w", {n * n, sizes.scenario}, NormalInitializer(map), true);
    one.weight_start =
        graph.AddParameter(prefix + ".v_w", {n * n}, NormalInitializer(start), false);
    one.bias_map = graph.AddParameter(prefix + ".V_b", {n, sizes.scenario},
                                      NormalInitializer(kMetaBiasDeviation), true);
    one.bias_start = graph.AddParameter(prefix + ".v_b", {n}, ConstantInitializer(0), false);
  }
  return weights;
}

// What both kinds of layer have.
MetaSizes SizesOf(const Graph& graph, ValueId input, ValueId scenario, const MetaOptions& options) {
  const Value& h = graph.value(input);
  const Value& s = graph.value(scenario);
  CHECK(h.per_sample && h.has_gradient) << h.name;
  CHECK(s.per_sample && s.has_gradient) << s.name;
  MetaSizes sizes;
  sizes.input = h.shape.back();
  sizes.scenario = static_cast<uint32_t>(s.elements);
  sizes.shares_weights = graph.FollowsFromAttributes(scenario);
  sizes.slope = options.slope;
  return sizes;
}

}  // namespace

ValueId AddMetaLayer(Graph& graph, const std::string& name, ValueId input, ValueId scenario,
                     const MetaOptions& options) {
  const Shape shape = graph.value(input).shape;
  MetaSizes sizes = SizesOf(graph, input, scenario, options);
  sizes.width = sizes.input;
  std::vector<MetaWeights> weights = AddWeights(graph, name, sizes, options);
  const auto rows = static_cast<uint32_t>(ElementsOf(shape) / sizes.width);
  CHECK_EQ(rows % weights.size(), 0U) << name;
  sizes.rows = rows / static_cast<uint32_t>(weights.size());
  const ValueId output = graph.AddValue(name, shape, true);
  graph.AddOp(std::make_unique<MetaLayer>(name, std::vector<ValueId>{input, scenario}, output,
                                          sizes, std::move(weights)));
  return output;
}

ValueId AddPairMetaLayer(Graph& graph, const std::string& name, ValueId experts, ValueId views,
                         ValueId scenario, const MetaOptions& options) {
  const Value& view = graph.value(views);
  CHECK(!view.per_sample && view.has_gradient) << view.name;
  CHECK_EQ(view.shape.size(), 2U) << view.name;
  CHECK_EQ(graph.value(experts).shape.size(), 2U) << name;
  const uint32_t tasks = view.shape[0];
  MetaSizes sizes = SizesOf(graph, experts, scenario, options);
  sizes.rows = graph.value(experts).shape[0];
  sizes.width = sizes.input + view.shape[1];
  sizes.shares_input = true;
  std::vector<MetaWeights> weights = AddWeights(graph, name, sizes, options);
  CHECK(weights.size() == 1 || weights.size() == tasks) << name;
  sizes.views = tasks / static_cast<uint32_t>(weights.size());
  const ValueId output = graph.AddValue(name, {tasks, sizes.rows, sizes.width}, true);
  graph.AddOp(std::make_unique<MetaLayer>(name, std::vector<ValueId>{experts, scenario, views},
                                          output, sizes, std::move(weights)));
  return output;
}

}  // namespace caravan::model
