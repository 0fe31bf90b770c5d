#include "model/count.h"

namespace caravan::model {

FlopCount CountFlops(const Graph& graph, uint32_t batch) { return CountFlops(graph, batch, batch); }

FlopCount CountFlops(const Graph& graph, uint32_t batch, uint32_t distinct) {
  FlopCount total;
  for (const auto& op : graph.ops()) {
    const FlopCount one = op->CountSharedFlops(batch, distinct);
    total.forward += one.forward;
    total.backward += one.backward;
  }
  return total;
}

uint64_t CountParameters(const Graph& graph) { return graph.parameter_elements(); }

}  // namespace caravan::model
