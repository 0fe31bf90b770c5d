// Where a run goes on from: its newest complete checkpoint, or the initial state.
#ifndef CARAVAN_SCHEDULER_RESUME_POINT_H_
#define CARAVAN_SCHEDULER_RESUME_POINT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "scheduler/events.h"

namespace caravan::scheduler {

struct ResumePoint {
  std::string directory;  // of the checkpoint; empty: the initial state
  QueueSnapshot queue;
  conf::BlockPlan block_plan;
  uint64_t next_checkpoint = 1;  // above every number that was ever begun
  // Above those of an earlier scheduler of the run, whose members may still follow its routings. It
  // had fewer than seconds have passed since 1970.
  uint32_t first_routing_epoch = 1;
};

// One above every number that names a folder there, complete or not.
uint64_t NextCheckpoint(const std::string& checkpoints_directory);

// ALREADY_EXISTS where there are complete checkpoints and `resume` is not set; FAILED_PRECONDITION
// names what of the newest checkpoint is not this run's.
absl::StatusOr<ResumePoint> FindResumePoint(const conf::RunSpec& spec,
                                            const std::string& checkpoints_directory, bool resume);

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_RESUME_POINT_H_
