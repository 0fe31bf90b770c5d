// Tells the scheduler that this worker lives and what it did since the last time it was heard.
#ifndef CARAVAN_WORKER_HEARTBEAT_H_
#define CARAVAN_WORKER_HEARTBEAT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "net/request_client.h"
#include "worker/interrupt.h"
#include "worker/worker_counters.h"

namespace caravan::worker {

struct TrafficTotals {
  uint64_t bytes_pulled = 0;
  uint64_t bytes_pushed = 0;
};

// Owned and run by one thread, which owns `scheduler`. Everything given outlives it.
class Heartbeat {
 public:
  struct Options {
    uint64_t incarnation = 0;
    Millis every{1000};
    net::RequestClient* scheduler = nullptr;  // peer 0: the scheduler
    const WorkerCounters* counters = nullptr;
    std::function<TrafficTotals()> traffic;
    std::function<std::string()> waiting_for;
    // Given a later routing than the one in force.
    std::function<void(const net::Routing&)> reroute;
    uint64_t run_id = 0;
    const Interrupt* interrupt = nullptr;     // leaves when it is set
    const std::atomic<bool>* stop = nullptr;  // a signal's; looked at every 100 ms; may be null
  };
  explicit Heartbeat(const Options& options) : options_(options) {}

  // Until there is a reason to leave: OK: the scheduler orders STOP, or `interrupt` is set;
  // CANCELLED: `stop` is set; ABORTED: the scheduler does not know this worker (any more);
  // DEADLINE_EXCEEDED: the scheduler is gone.
  absl::Status Run();

 private:
  net::Header MakeHeartbeat();
  absl::Status WaitAndWatch(Millis duration);
  // To the log, every 5 s: what this worker waits for, the scheduler's answer included.
  void TellWaits();
  absl::Status Take(uint64_t ticket, bool& ordered_to_stop);

  const Options options_;
  const SystemClock clock_;
  Millis waits_told_at_{0};
  WorkerTotals answered_;  // what the scheduler has heard of
  WorkerTotals told_;
  TrafficTotals traffic_answered_;
  TrafficTotals traffic_told_;
};

// Resident memory of this process; 0 where the system does not say.
uint64_t ResidentBytes();

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_HEARTBEAT_H_
