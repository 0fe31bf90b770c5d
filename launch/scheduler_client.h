// Talks to a run's scheduler as an observer: asks for its status, tells it to stop.
#ifndef CARAVAN_LAUNCH_SCHEDULER_CLIENT_H_
#define CARAVAN_LAUNCH_SCHEDULER_CLIENT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/request_client.h"
#include "net/socket.h"
#include "scheduler/status.pb.h"

namespace caravan::launch {

// Owned and used by one thread. Every call returns within `patience`.
class SchedulerClient {
 public:
  static absl::StatusOr<std::unique_ptr<SchedulerClient>> Connect(const std::string& endpoint,
                                                                  uint64_t run_id, Millis patience);

  // Asks for the state without waiting; nothing where it was asked for and is not there yet.
  absl::StatusOr<std::optional<scheduler::Status>> PollStatus();
  // The state now; DEADLINE_EXCEEDED when the scheduler does not answer.
  absl::StatusOr<scheduler::Status> AskStatus();
  // Orders the end of the run, after a checkpoint or at once. OK: the order has arrived.
  absl::Status RequestStop(bool checkpoint_first);

 private:
  SchedulerClient() = default;

  static absl::StatusOr<scheduler::Status> StatusOf(const net::Answer& answer);

  net::Context context_;  // outlives client_
  std::optional<uint64_t> asked_;
  std::unique_ptr<net::RequestClient> client_;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_SCHEDULER_CLIENT_H_
