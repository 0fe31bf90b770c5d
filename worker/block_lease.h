// A block as the scheduler leased it.
#ifndef CARAVAN_WORKER_BLOCK_LEASE_H_
#define CARAVAN_WORKER_BLOCK_LEASE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "net/wire.pb.h"

namespace caravan::worker {

struct BlockLease {
  bool train = true;  // false: evaluate
  uint64_t lease = 0;
  std::string split;
  uint32_t epoch = 0;
  uint32_t block = 0;
  uint64_t samples = 0;  // of the block, as far as it is wanted
  uint32_t batches = 0;  // that these samples make
  float learning_rate_scale = 1;
  uint32_t begun_routing_epoch = 0;  // in which its mark was asked for, or an earlier one
};

// Of a reply TRAIN or EVALUATE that came under `routing_epoch`. INTERNAL where the data set has no
// such block.
absl::StatusOr<std::shared_ptr<const BlockLease>> DescribeLease(const conf::RunSpec& run,
                                                                const net::LeaseReply& reply,
                                                                uint32_t routing_epoch);

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_BLOCK_LEASE_H_
