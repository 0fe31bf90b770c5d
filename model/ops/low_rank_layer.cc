#include "model/ops/low_rank_layer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/ops/linear.h"
#include "model/ops/scenario_rows.h"

namespace caravan::model {

ValueId AddLowRankLayer(Graph& graph, const std::string& name, ValueId input, ValueId scenario,
                        uint32_t rank, const MetaOptions& options) {
  const Shape shape = graph.value(input).shape;
  const uint32_t n = shape.back();
  const auto s = static_cast<uint32_t>(graph.value(scenario).elements);
  const auto groups = static_cast<uint32_t>(std::max<size_t>(1, options.groups.size()));

  // At the start B h and C S have the size of h and of one.
  LinearOptions factors;
  factors.shape = shape;
  factors.shape.back() = rank;
  factors.in = n;
  factors.out = rank;
  factors.bias = false;
  factors.groups = options.groups;
  factors.deviation = std::sqrt(1.0 / n);
  const ValueId u = AddLinear(graph, name + ".factors", input, std::move(factors));

  LinearOptions gates;
  gates.shape = {groups, rank};
  gates.in = s;
  gates.out = groups * rank;
  gates.bias = false;
  gates.deviation = 1 / (std::sqrt(1.0 * s) * options.scenario_size);
  const ValueId c = AddLinear(graph, name + ".gates", scenario, std::move(gates));

  LinearOptions weights;
  weights.shape = shape;
  weights.in = n + rank + s;
  weights.out = n;
  weights.slope = options.slope;
  weights.groups = options.groups;
  return AddLinear(graph, name, AddScenarioRows(graph, name + ".rows", input, u, c, scenario),
                   std::move(weights));
}

}  // namespace caravan::model
