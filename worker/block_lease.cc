#include "worker/block_lease.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "data/block_plan.h"

namespace caravan::worker {

absl::StatusOr<std::shared_ptr<const BlockLease>> DescribeLease(const conf::RunSpec& run,
                                                                const net::LeaseReply& reply,
                                                                uint32_t routing_epoch) {
  auto lease = std::make_shared<BlockLease>();
  lease->train = reply.kind() == net::LeaseReply::TRAIN;
  lease->lease = reply.lease();
  lease->split = reply.split();
  if (lease->split.empty() && lease->train) lease->split = "train";
  lease->epoch = reply.epoch();
  lease->block = reply.block();
  lease->begun_routing_epoch = routing_epoch;
  lease->learning_rate_scale = reply.has_learning_rate_scale() ? reply.learning_rate_scale() : 1;
  for (const conf::SplitSchema& split : run.schema().splits()) {
    if (split.name() != lease->split) continue;
    const std::vector<data::BlockExtent> blocks = data::Blocks(run.block_plan(), split);
    if (lease->block >= blocks.size()) {
      return absl::InternalError(fmt::format("the scheduler leased block {} of {}, which has {}",
                                             lease->block, lease->split, blocks.size()));
    }
    const uint64_t batch_size = run.block_plan().batch_size();
    lease->samples = blocks[lease->block].samples;
    if (reply.batches_end() > 0) {
      lease->samples = std::min(lease->samples, reply.batches_end() * batch_size);
    }
    lease->batches = static_cast<uint32_t>((lease->samples + batch_size - 1) / batch_size);
    return lease;
  }
  return absl::InternalError(
      fmt::format("the scheduler leased a block of split '{}', which the data set does not have",
                  lease->split));
}

}  // namespace caravan::worker
