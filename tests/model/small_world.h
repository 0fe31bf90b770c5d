// Small jobs, schemas and graphs for the tests of model/.
#ifndef CARAVAN_TESTS_MODEL_SMALL_WORLD_H_
#define CARAVAN_TESTS_MODEL_SMALL_WORLD_H_

#include <memory>

#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

// Three tasks, 1 scenario, 2 profile, 1 behaviour and 3 performance fields, 2 dense features, 3
// days; widths of a few numbers.
conf::Job SmallJob();
conf::Schema SmallSchema();

// The same fields and tasks with tables of width 4, without ops.
std::unique_ptr<Graph> SmallGraph();

// Puts a linear map to [tasks, 2], a head and the losses behind a value, so that a gradient comes
// back through it.
void CloseGraph(Graph& graph, ValueId value);

// Compares the gradient of the loss by every dense parameter and row with central differences, in
// double; fails the test at the first few that differ. Parameters and rows start at random, biases
// too.
void ExpectGradientsMatch(const Graph& graph, uint32_t batch, uint32_t distinct = 0);

}  // namespace caravan::model

#endif  // CARAVAN_TESTS_MODEL_SMALL_WORLD_H_
