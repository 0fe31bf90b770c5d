// Writes a checkpoint again for another number of lanes, without a cluster: what a restore by other
// lanes does anyway, done ahead, so that each server reads its own part alone.
#ifndef CARAVAN_PS_RESHARD_H_
#define CARAVAN_PS_RESHARD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "ps/checkpoint_summary.h"

namespace caravan::ps {

struct ReshardOrder {
  std::string from;         // directory of a complete checkpoint
  std::string to;           // directory of the one to be, empty, below the run's
  uint64_t checkpoint = 0;  // the number of the one to be
  uint32_t lanes = 1;       // of the one to be, at most one a shard
  // Empty, on `to`'s file system: of the lanes while they work. The caller removes it.
  std::string work_directory;
};

// The checkpoint in `to`, complete: `from`'s state, whose digest it has, and `from`'s queue.
// INVALID_ARGUMENT names a number of lanes that cannot be; DATA_LOSS what of `from` is damaged.
// Where it fails, `to` has no manifest.
absl::StatusOr<CheckpointSummary> ReshardCheckpoint(const conf::RunSpec& spec,
                                                    const ReshardOrder& order);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_RESHARD_H_
