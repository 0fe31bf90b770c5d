// The scheduler as a running thing: one socket for all peers, one client towards the lanes, and a
// clock, around the coordinator that decides.
#ifndef CARAVAN_SCHEDULER_DRIVER_H_
#define CARAVAN_SCHEDULER_DRIVER_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/kill_point.h"
#include "conf/run_spec.pb.h"
#include "scheduler/evaluation_round.h"
#include "scheduler/observer.h"

namespace caravan::scheduler {

struct SchedulerOptions {
  std::string listen;  // endpoint
  conf::RunSpec spec;  // run_directory is where checkpoints/ lies
  // The blocks of each split by a plan: "train", and "valid" and "test" where there are such. The
  // plan is the run spec's, or that of the checkpoint the run goes on from.
  std::function<std::vector<SplitBlocks>(const conf::BlockPlan&)> blocks;
  // Go on from the newest complete checkpoint; from the initial state where there is none.
  bool resume = false;
  // A scheduler of this run was killed while its workers and servers live: go on from its journal.
  // As `resume` where there is none that can be read.
  bool restart = false;
  KillPoints* kill_points = nullptr;  // for tests; outlive the scheduler
};

// Runs until the run is over, and all members were told so. `stop_signals` counts: the first asks
// for a checkpoint and then the end, the second for the end at once.
//
// OK: all epochs are done, or stop_after_batches is reached. CANCELLED: stopped on request.
// ALREADY_EXISTS: the endpoint is in use, or there are checkpoints and resume is not set.
// FAILED_PRECONDITION: the checkpoint is of another run, job or model. Other errors say what ended
// the run: a server that does not come back, a ledger that is off, a last checkpoint that could not
// be written.
absl::Status RunScheduler(const SchedulerOptions& options, Observer& observer,
                          const std::atomic<int>& stop_signals);

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_DRIVER_H_
