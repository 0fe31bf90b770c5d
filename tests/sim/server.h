// A simulated server: real lanes behind simulated addresses, on the simulated disk. The joining and
// the heartbeats are ps/server's, in a few lines.
#ifndef CARAVAN_TESTS_SIM_SERVER_H_
#define CARAVAN_TESTS_SIM_SERVER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "tests/sim/lane_watch.h"
#include "tests/sim/world.h"

namespace caravan::sim {

// One life of a server process: destroyed, it is dead, wherever it was.
class Server {
 public:
  virtual ~Server() = default;
  // It is dead, or left by itself: OK at the run's end; else why.
  virtual const absl::Status* left() const = 0;
  // The judge's: a lane came back with less than it had promised.
  virtual const absl::Status& broken_promise() const = 0;
  virtual void Stop(Millis until) = 0;
  virtual DiskOfProcess& disk() = 0;
  // By LaneId; null where one is not built.
  virtual std::map<uint32_t, ps::Lane*> lanes() = 0;
  virtual std::string WaitsFor() const = 0;

  // `number`: of the machine, which keeps its state directory. `watches`: by LaneId.
  static std::unique_ptr<Server> Start(const World& world, uint32_t number, RandomStream random,
                                       std::vector<std::unique_ptr<LaneWatch>>* watches);
  static std::string Directory(uint32_t number);
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_SERVER_H_
