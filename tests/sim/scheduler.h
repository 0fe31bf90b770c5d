// A simulated scheduler: the real coordinator with its journal's records, and the real reading of
// requests and making of replies. What the driver does around it with sockets and files is done
// here in a few lines.
#ifndef CARAVAN_TESTS_SIM_SCHEDULER_H_
#define CARAVAN_TESTS_SIM_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/journal.pb.h"
#include "tests/sim/world.h"

namespace caravan::sim {

// The journal's records since the last whole one, which is the first; empty: none. Survives the
// process.
using JournalRecords = std::vector<scheduler::JournalRecord>;

// One life of a scheduler process: destroyed, it is dead, wherever it was.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // The run has ended, and how.
  virtual const absl::Status* ended() const = 0;
  // It dies in the `steps`-th step from now, behind the journal's record and before anybody is
  // answered.
  virtual void DieIn(uint64_t steps) = 0;
  virtual bool is_dead() const = 0;
  virtual void Stop(Millis until) = 0;
  virtual std::string WaitsFor() const = 0;

  // Goes on from `journal` where there is one, else from the last checkpoint. `committed` is called
  // where a checkpoint has become one.
  static std::unique_ptr<Scheduler> Start(const World& world, RandomStream random,
                                          JournalRecords* journal,
                                          std::function<void(uint64_t)> committed);
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_SCHEDULER_H_
