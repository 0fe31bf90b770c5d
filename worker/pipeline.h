// The stages of a worker, each on its own thread, from its first lease to its last.
#ifndef CARAVAN_WORKER_PIPELINE_H_
#define CARAVAN_WORKER_PIPELINE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "conf/run_spec.pb.h"
#include "model/executor.h"
#include "net/request_client.h"
#include "worker/fetch_stage.h"
#include "worker/interrupt.h"
#include "worker/lane_map.h"
#include "worker/worker_counters.h"

namespace caravan::worker {

// Fetching runs worker.batches_ahead batches ahead of computing (not under SYNC), pushes are
// acknowledged behind it. Each thread has its own sockets: to the scheduler and, where it speaks to
// them, to all lanes.
class Pipeline {
 public:
  struct Options {
    const conf::RunSpec* run = nullptr;  // outlives the pipeline, as all that is pointed to
    net::Routing routing;
    uint64_t incarnation = 0;
    std::string scheduler;  // endpoint
    const model::Graph* graph = nullptr;
    model::Executor* executor = nullptr;
    const std::atomic<bool>* stop = nullptr;
    std::string turns_directory;  // empty: no turns are taken
  };
  static absl::StatusOr<std::unique_ptr<Pipeline>> Create(net::Context& context,
                                                          const Options& options);

  // Computes on the calling thread until the run is over or the scheduler orders it to stop (OK),
  // options.stop is set (CANCELLED), the scheduler forgot this worker or a lane what it had
  // acknowledged (ABORTED: join anew), or something fails. All threads are joined then.
  absl::Status Run();

 private:
  // A thread's own way to the scheduler and the lanes.
  struct Clients {
    std::unique_ptr<net::RequestClient> scheduler;
    std::unique_ptr<net::RequestClient> lanes;
  };

  Pipeline(const Options& options, LaneMap map);
  absl::Status Connect(net::Context& context, Clients& clients, bool with_lanes);

  void RunFetchStage();
  void RunComputeStage();
  void RunHeartbeat();
  // Of the heartbeat's thread: lanes listen elsewhere, in a later routing epoch.
  void Reroute(const net::Routing& routing);
  // The first cause given is the pipeline's result; everything is told to leave.
  void Leave(const absl::Status& cause);
  std::string WaitingFor() const;

  const Options options_;
  const LaneMap map_;
  Clients fetch_clients_;
  Clients compute_clients_;
  Clients heartbeat_clients_;
  std::unique_ptr<TurnGate> turns_;  // outlives the batches, which hold turns
  StageQueues queues_;
  WorkerCounters counters_;
  Interrupt interrupt_;
  Mutex mutex_;
  std::optional<absl::Status> cause_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PIPELINE_H_
