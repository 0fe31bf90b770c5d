// From a job to a run that can be started: resolved job, imported data, model, block plan, written
// to the run directory.
#ifndef CARAVAN_LAUNCH_RUN_PREPARATION_H_
#define CARAVAN_LAUNCH_RUN_PREPARATION_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "launch/run_directory.h"

namespace caravan::launch {

struct RunRequest {
  std::string job_path;        // may be empty where `resume`: the run's own job
  std::string data_directory;  // imported; empty: data/ of the run, imported when need be
  std::vector<std::string> overrides;
  bool resume = false;
  uint64_t stop_after_batches = 0;
  // Progress for people; `keep`: a line that stays.
  std::function<void(const std::string& line, bool keep)> note;
};

// A new run: the directory's files but checkpoints. Its run_spec.pb is written last, so that what
// fails before can be tried again in the same directory. A resumed run: the same with what may
// differ (cluster sizes, worker, server and checkpoint settings, more epochs); INVALID_ARGUMENT
// names the first field that may not and does, DATA_LOSS a damaged newest checkpoint. The caller
// holds the run's lock.
absl::StatusOr<conf::RunSpec> PrepareRun(const RunRequest& request, const RunDirectory& run);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_RUN_PREPARATION_H_
