// Random batches and first parameters of a graph, for benchmarks and tests: no data set is needed.
#ifndef CARAVAN_MODEL_RANDOM_INPUT_H_
#define CARAVAN_MODEL_RANDOM_INPUT_H_

#include <cstdint>
#include <vector>

#include "model/frame.h"
#include "model/graph.h"

namespace caravan::model {

// Initial values as a run of that seed would have them: flat, in the order of Graph::parameters().
// With `drawn_max` only so many of a parameter are drawn and then repeated, which is faster.
std::vector<float> InitialParameters(const Graph& graph, uint64_t seed,
                                     uint64_t drawn_max = UINT64_MAX);

struct RandomInputOptions {
  uint32_t batch = 1;
  uint32_t rows_per_table = 1;  // u, unique rows; indices are drawn among them
  // Distinct combinations of scenario and profile values; 0: every sample draws its own.
  uint32_t distinct_attributes = 0;
  uint64_t seed = 1;
  uint64_t drawn_max = UINT64_MAX;  // see InitialParameters
};

// Owns what its view points to. Rows as a run would start them, indices uniform, dense features
// standard normal, labels small counts (0 or 1 of a cross-entropy task).
template <typename T>
class RandomInput {
 public:
  RandomInput(const Graph& graph, const RandomInputOptions& options);

  // To be called again after a vector has been resized.
  GraphInput<T> view() const;

  uint32_t batch;
  std::vector<T> dense_parameters;
  std::vector<std::vector<T>> rows;                // by table
  std::vector<std::vector<uint32_t>> row_indices;  // by field
  std::vector<T> dense_features;
  std::vector<T> labels;
  std::vector<uint32_t> scenarios;  // [B] where a task has factors by them, else empty
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_RANDOM_INPUT_H_
