// Pushes in flight: each goes to all lanes, is kept until every lane has acknowledged it, and is
// sent again where a message was lost. Drives worker/push_order.
#ifndef CARAVAN_WORKER_PUSH_WINDOW_H_
#define CARAVAN_WORKER_PUSH_WINDOW_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "net/request_client.h"
#include "worker/push_order.h"

namespace caravan::worker {

// Owned and called by one thread, the one that owns `client`, whose peer i is lane i. ABORTED from
// any call: a lane lost what it had acknowledged (see worker/push_order.h).
class PushWindow {
 public:
  // `client` outlives it. `give_up_after`: how long a lane may say that it is not ready.
  PushWindow(net::RequestClient* client, uint32_t pushes_max, Millis give_up_after);

  // Waits until fewer than pushes_max are in flight, then sends. Pushes are numbered from 1.
  absl::Status Push(BatchPush push);
  // Numbers of the last push begun, and of the last one that it and all before it are acknowledged.
  uint64_t pushed() const { return order_.pushed(); }
  uint64_t acknowledged() const { return order_.acknowledged(); }

  // Over all pushes applied: dense updates by others between the pull and the push.
  uint64_t staleness_sum() const { return order_.staleness_sum(); }

  // Handles answers that are there, without waiting.
  absl::Status Collect();
  // Waits until push `number` and all before it are acknowledged.
  absl::Status AwaitAcknowledged(uint64_t number);

 private:
  // A push's requests that are without their answer; by lane, 0: none.
  struct Tickets {
    uint64_t push = 0;
    std::vector<uint64_t> of_lane;
  };
  void SendDue();
  absl::Status Take(Tickets& tickets, uint32_t lane);
  void DropAcknowledged();

  net::RequestClient* const client_;
  const size_t pushes_max_;
  const SystemClock clock_;
  PushOrder order_;
  std::deque<Tickets> tickets_;  // of the pushes in flight
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PUSH_WINDOW_H_
