// Whether a checkpoint's ledger is true: each shard must have applied each training sample of each
// finished epoch once.
#ifndef CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_LEDGER_H_
#define CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_LEDGER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "ps/checkpoint_summary.h"

namespace caravan::launch {

// DATA_LOSS names the epoch and what its shards have applied. An epoch under way may have anything
// up to the whole set.
absl::Status CheckLedger(const ps::CheckpointSummary& summary, uint64_t training_samples);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_LEDGER_H_
