// Ctrl-C and its kin, as a number that loops look at.
#ifndef CARAVAN_LAUNCH_STOP_SIGNALS_H_
#define CARAVAN_LAUNCH_STOP_SIGNALS_H_

#include <atomic>

namespace caravan::launch {

// From the first call on SIGINT, SIGTERM and SIGHUP no longer end the process but are counted here,
// and SIGPIPE is ignored. The counter lives as long as the process; signal handlers leave no other
// way than a global.
const std::atomic<int>& CountStopSignals();

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_STOP_SIGNALS_H_
