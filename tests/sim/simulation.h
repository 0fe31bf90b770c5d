// A whole run of Caravan in one thread, all of it following from one number: real coordinator, real
// lanes, real worker protocol, over a simulated network, disk and clock, with faults.
//
// What is simulated and what is not is said in tests/sim/soak.cc.
#ifndef CARAVAN_TESTS_SIM_SIMULATION_H_
#define CARAVAN_TESTS_SIM_SIMULATION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tests/sim/world.h"

namespace caravan::sim {

struct SimulationOptions {
  uint64_t seed = 1;
  bool keeps_trace = false;
  Plant plant = Plant::kNone;
  bool server_faults = false;  // servers die, stop, are cut off and lose their disks
  bool disk_faults = false;    // also: full disks, losses of power, deaths within a disk operation
};

struct Outcome {
  // OK: the run ended well, and everything was as it must be.
  absl::Status status;
  std::string story;  // who waits for whom, where the run did not end; the trace, where it is kept
  // What happened in it.
  Millis simulated{0};
  uint64_t messages = 0;
  uint32_t workers_killed = 0;
  uint32_t servers_killed = 0;
  uint32_t schedulers_killed = 0;
  uint32_t power_losses = 0;
  uint32_t checkpoints = 0;
  uint64_t pushes = 0;  // applied, by all lanes
};

Outcome Simulate(const SimulationOptions& options);

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_SIMULATION_H_
