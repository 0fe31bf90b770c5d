// A batch on its way through the pipeline, and the block it is of.
#ifndef CARAVAN_WORKER_PREPARED_BATCH_H_
#define CARAVAN_WORKER_PREPARED_BATCH_H_

#include <cstdint>
#include <memory>

#include "conf/schema.pb.h"
#include "data/batch.h"
#include "model/executor.h"
#include "worker/block_lease.h"
#include "worker/lane_split.h"
#include "worker/parameter_source.h"
#include "worker/turn_gate.h"
#include "worker/unique_keys.h"

namespace caravan::worker {

// Reused from batch to batch, so that nothing is allocated once sizes have been seen.
struct PreparedBatch {
  explicit PreparedBatch(const conf::Schema& schema) : keys(schema) {}

  uint32_t number = 0;  // of the batch within its block
  Turn turn;            // from the pull to the push, where workers take turns
  data::Batch samples;
  UniqueKeys keys;
  LaneSplit split;
  Parameters parameters;
};

// From the fetching to the computing stage: a batch, or, where `batch` is null, the block's end.
struct Fetched {
  std::shared_ptr<const BlockLease> lease;  // shared by the batches of a block in both stages
  std::unique_ptr<PreparedBatch> batch;
};

// What the executor needs of a batch. Spans point into `batch` and live as long as it is unchanged.
model::ExecutorInput MakeExecutorInput(const PreparedBatch& batch);

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PREPARED_BATCH_H_
