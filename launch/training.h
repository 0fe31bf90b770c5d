// A prepared run, trained by processes on this machine from start to end.
#ifndef CARAVAN_LAUNCH_TRAINING_H_
#define CARAVAN_LAUNCH_TRAINING_H_

#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "conf/run_spec.pb.h"
#include "launch/report/progress_printer.h"
#include "launch/run_directory.h"

namespace caravan::launch {

struct TrainingOptions {
  RunDirectory run;
  conf::RunSpec spec;
  std::string listen;  // the scheduler's endpoint; empty: an ipc socket of its own
  bool resume = false;
  // Stop signals so far: the first one stops after a checkpoint, the second at once.
  const std::atomic<int>* stop_signals = nullptr;
  const Clock* clock = nullptr;
  ProgressPrinter* printer = nullptr;
};

// Returns when no process of the run is left. OK: all epochs are done, or stop_after_batches is
// reached. CANCELLED: stopped by a signal. Else what the run died of.
absl::Status Train(const TrainingOptions& options);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_TRAINING_H_
