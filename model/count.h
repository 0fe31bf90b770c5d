// What a graph costs: floating point operations of its products and numbers it trains.
#ifndef CARAVAN_MODEL_COUNT_H_
#define CARAVAN_MODEL_COUNT_H_

#include <cstdint>

#include "model/graph.h"
#include "model/op.h"

namespace caravan::model {

// Of a batch of that size, over all ops, whose samples all differ in their attribute fields.
FlopCount CountFlops(const Graph& graph, uint32_t batch);
// Where the batch has only so many distinct combinations of them.
FlopCount CountFlops(const Graph& graph, uint32_t batch, uint32_t distinct);

// Floats of all dense parameters; rows of the tables are not among them.
uint64_t CountParameters(const Graph& graph);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_COUNT_H_
