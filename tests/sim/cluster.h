// The processes of a run, and the launcher that starts them again: a worker, server or scheduler
// that dies comes back after a while; after a loss of power, or a run that ended for want of room,
// the run is resumed.
#ifndef CARAVAN_TESTS_SIM_CLUSTER_H_
#define CARAVAN_TESTS_SIM_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "tests/sim/judge.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/server.h"
#include "tests/sim/worker.h"
#include "tests/sim/world.h"

namespace caravan::sim {

// How often.
struct Mishaps {
  uint32_t workers_killed = 0;
  uint32_t servers_killed = 0;
  uint32_t schedulers_killed = 0;
  uint32_t power_losses = 0;
  uint32_t resumptions = 0;  // from the last checkpoint
  uint32_t checkpoints = 0;
};

class Cluster {
 public:
  // All outlive it.
  Cluster(const World& world, Judge* judge, RandomStream random);

  void Start();
  // Buries who left, and has them started again.
  void Watch();
  // What must not be; OK so far.
  const absl::Status& failure() const { return failure_; }
  // Null while the run goes on; else how it ended.
  const absl::Status* ended() const;

  // Null where it is dead.
  Worker* worker(uint32_t i) { return workers_[i].get(); }
  Server* server(uint32_t i) { return servers_[i].get(); }
  Scheduler* scheduler() { return scheduler_.get(); }

  // They live; they are started again after `away`.
  void KillWorker(uint32_t i, Millis away);
  void KillServer(uint32_t i, Millis away);
  void KillScheduler(Millis away);
  // All die, and what was not synced may be gone. Then the launcher of another machine starts them
  // again, or `caravan train --resume` does.
  void LosePower();

  // By LaneId; null where it is not served.
  std::vector<ps::Lane*> lanes();
  const Mishaps& mishaps() const { return mishaps_; }
  std::string WhoWaitsForWhom() const;

 private:
  void StartWorker(uint32_t i);
  void StartServer(uint32_t i);
  void StartScheduler();
  void Committed(uint64_t number);
  void WatchWorker(uint32_t i);
  void WatchServer(uint32_t i);
  void KillAll();
  // As `caravan train --resume`: from the last checkpoint.
  void Resume();
  Millis Within(Millis most);

  const World world_;
  Judge* const judge_;
  RandomStream random_;
  JournalRecords journal_;
  Mishaps mishaps_;
  absl::Status failure_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_CLUSTER_H_
