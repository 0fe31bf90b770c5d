// A whole run of Caravan in one thread, all of it following from one number: real coordinator, real
// lanes, real worker protocol, over a simulated network, disk and clock, with faults.
//
// What is simulated and what is not is said in tests/sim/soak.cc.
#ifndef CARAVAN_TESTS_SIM_SIMULATION_H_
#define CARAVAN_TESTS_SIM_SIMULATION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tests/sim/cluster.h"
#include "tests/sim/faults.h"
#include "tests/sim/world.h"

namespace caravan::sim {

struct SimulationOptions {
  uint64_t seed = 1;
  bool keeps_trace = false;
  Plant plant = Plant::kNone;
  FaultKinds faults = {.servers = true, .disks = false};
};

// The faults that a seed is run with in tests, and where nothing else is asked for: one of four has
// those of disks.
inline FaultKinds FaultsOfSeed(uint64_t seed) { return {.servers = true, .disks = seed % 4 == 0}; }

struct Outcome {
  // OK: the run ended well, and everything was as it must be.
  absl::Status status;
  std::string story;  // who waits for whom, where the run did not end; the trace, where it is kept
  // What happened in it.
  Millis simulated{0};
  uint64_t messages = 0;
  uint64_t pushes = 0;  // applied, by all lanes
  Mishaps mishaps;
};

Outcome Simulate(const SimulationOptions& options);

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_SIMULATION_H_
