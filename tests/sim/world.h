// What every simulated process is given.
#ifndef CARAVAN_TESTS_SIM_WORLD_H_
#define CARAVAN_TESTS_SIM_WORLD_H_

#include <string>

#include "conf/run_spec.pb.h"
#include "tests/sim/disk.h"
#include "tests/sim/event_loop.h"
#include "tests/sim/network.h"
#include "tests/sim/small_model.h"
#include "tests/sim/trace.h"

namespace caravan::sim {

// Faults that are put in on purpose, to see that they are found.
enum class Plant {
  kNone,
  kAcknowledgeBeforeLog,  // pushes are acknowledged that the log does not have
  kMarksNotRestored,      // a lane comes back with its rows and without its marks
  kLeaseNotFenced,        // a lease that was begun before a lane's loss counts as if it was not
};

// All outlive the processes.
struct World {
  EventLoop* loop = nullptr;
  Network* network = nullptr;
  Trace* trace = nullptr;
  Disk* disk = nullptr;
  const conf::RunSpec* spec = nullptr;
  const Shape* shape = nullptr;
  std::string scheduler;  // address
  Plant plant = Plant::kNone;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_WORLD_H_
