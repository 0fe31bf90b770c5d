// How a split is cut in blocks (conf/run_spec.proto). Pure.
#ifndef CARAVAN_DATA_BLOCK_PLAN_H_
#define CARAVAN_DATA_BLOCK_PLAN_H_

#include <cstdint>
#include <vector>

#include "conf/job.pb.h"
#include "conf/run_spec.pb.h"
#include "conf/schema.pb.h"

namespace caravan::data {

// block_batches: at most cluster.block_batches_max, and few enough that the training split has
// blocks_per_worker_min blocks a worker; at least 1.
conf::BlockPlan MakeBlockPlan(const conf::Job& job, const conf::Schema& schema);

struct BlockExtent {
  uint32_t file;          // index into SplitSchema.files
  uint64_t first_sample;  // within the file's order
  uint64_t samples;
};
// Every block of a split, in BlockId order.
std::vector<BlockExtent> Blocks(const conf::BlockPlan& plan, const conf::SplitSchema& split);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_BLOCK_PLAN_H_
