// Small jobs, schemas and graphs for the tests of model/.
#ifndef CARAVAN_TESTS_MODEL_SMALL_WORLD_H_
#define CARAVAN_TESTS_MODEL_SMALL_WORLD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"
#include "model/random_input.h"

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

// Four rows a table.
RandomInput<float> InputOf(const Graph& graph, uint32_t batch);

// Where an executor puts gradients; not zero before.
struct Gradients {
  Gradients(const Graph& graph, const RandomInput<float>& input);
  std::vector<float> dense;
  std::vector<std::vector<float>> rows;
  std::vector<std::span<float>> spans;
};

// Within 2e-5 of the largest of `expected`.
void ExpectNear(std::span<const float> found, std::span<const float> expected, const char* what);

// A task that a net can learn: labels follow from the scenario and, in one scenario only, from a
// profile value. Trained by Adam on one batch; rows and parameters start at random.
class ScenarioTask {
 public:
  // `graph` outlives it: of SmallSchema's fields and tasks, all three of them Poisson.
  explicit ScenarioTask(const Graph& graph);
  ~ScenarioTask();
  // So many steps more, at least one evaluation. The loss above that of the true rates.
  double Train(int steps);
  double first() const { return first_; }  // that loss before the first step

 private:
  struct State;
  std::unique_ptr<State> state_;
  double first_ = 0;
};

}  // namespace caravan::model

#endif  // CARAVAN_TESTS_MODEL_SMALL_WORLD_H_
