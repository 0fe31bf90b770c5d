#include "worker/prepared_batch.h"

namespace caravan::worker {

model::ExecutorInput MakeExecutorInput(const PreparedBatch& batch) {
  model::ExecutorInput input;
  input.batch = batch.samples.size;
  input.dense_parameters = batch.parameters.dense;
  input.rows.assign(batch.parameters.rows.begin(), batch.parameters.rows.end());
  const auto& row_indices = batch.keys.row_indices();
  input.row_indices.assign(row_indices.begin(), row_indices.end());
  input.dense_features = batch.samples.dense;
  input.labels = batch.samples.labels;
  input.scenarios = batch.samples.scenarios;
  return input;
}

}  // namespace caravan::worker
