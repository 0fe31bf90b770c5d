// What goes wrong in a run, and when; all of it follows from the seed.
//
// Some faults come in pairs, for many a fence stands only between two: while one process is held
// (stopped, cut off, or cut off from the scheduler alone) for less than a lease or for more, a
// server dies and is back, with its state or without, before the other wakes up.
#ifndef CARAVAN_TESTS_SIM_FAULTS_H_
#define CARAVAN_TESTS_SIM_FAULTS_H_

#include <cstdint>

#include "base/random.h"
#include "tests/sim/cluster.h"
#include "tests/sim/world.h"

namespace caravan::sim {

struct FaultKinds {
  bool servers = false;  // servers die, stop, are cut off and lose their disks
  bool disks = false;    // also: full disks, losses of power, deaths within a disk operation
};

class Faults {
 public:
  // They end after this; then the run must end by itself. But for a disk that stays full.
  static constexpr Millis kEnd{20'000};

  // All outlive it.
  Faults(const World& world, Cluster* cluster, const FaultKinds& kinds, RandomStream random);

  // Asks the loop for all of them.
  void Plan();

 private:
  void Happen();
  void HurtWorker();
  void HurtServer(uint32_t i, Millis away_max);
  void HurtScheduler();
  void HurtDisk();
  // A fault within another.
  void HurtWhileHeld();
  // Somebody does nothing, or hears nothing, for so long.
  void Hold(Millis time);
  uint32_t AnyWorker();
  uint32_t AnyServer();
  Millis Within(Millis most);
  bool OneIn(uint64_t count) { return random_.NextBelow(count) == 0; }

  const World world_;
  Cluster* const cluster_;
  const FaultKinds kinds_;
  RandomStream random_;
  bool are_over_ = false;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_FAULTS_H_
