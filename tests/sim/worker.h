// A simulated worker: the real protocol (joining is worker/membership's in a few lines; blocks,
// marks, pulls, pushes and reports are the product's state machines), gradients made up.
#ifndef CARAVAN_TESTS_SIM_WORKER_H_
#define CARAVAN_TESTS_SIM_WORKER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "base/random.h"
#include "tests/sim/world.h"

namespace caravan::sim {

// One life of a worker process: destroyed, it is dead, wherever it was.
class Worker {
 public:
  virtual ~Worker() = default;
  // It left by itself: OK at the run's end or when told to; else why it failed.
  virtual const absl::Status* left() const = 0;
  // As SIGSTOP: it does nothing until then, and does not know that time passed.
  virtual void Stop(Millis until) = 0;
  virtual std::string WaitsFor() const = 0;

  // `name`: its host. `random` gives its incarnations and how long it computes.
  static std::unique_ptr<Worker> Start(const World& world, const std::string& name,
                                       RandomStream random);
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_WORKER_H_
