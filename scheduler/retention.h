// Which checkpoints of a run stay.
#ifndef CARAVAN_SCHEDULER_RETENTION_H_
#define CARAVAN_SCHEDULER_RETENTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"

namespace caravan::scheduler {

// Of `numbers`, ascending, those that go: neither among the newest `keep`, nor a multiple of
// `keep_every`, nor `best`.
std::vector<uint64_t> CheckpointsToRemove(const std::vector<uint64_t>& numbers,
                                          const conf::Checkpoint& retention,
                                          std::optional<uint64_t> best = std::nullopt);

// Removes them, the one of the best epoch (net::BestCheckpoint) kept, and what was never completed
// before the newest complete one. Returns the folders that are gone; the first error is told after
// all was tried.
absl::StatusOr<std::vector<std::string>> PruneCheckpoints(const std::string& checkpoints_directory,
                                                          const conf::Checkpoint& retention);

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_RETENTION_H_
