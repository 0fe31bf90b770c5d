// Joining a run: hello, and the wait until all lanes are there.
#ifndef CARAVAN_WORKER_MEMBERSHIP_H_
#define CARAVAN_WORKER_MEMBERSHIP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "net/request_client.h"
#include "worker/worker.h"

namespace caravan::worker {

struct Membership {
  uint32_t worker = 0;  // WorkerId
  conf::RunSpec run;
  net::Routing routing;
};

// How long a worker waits for a peer that is away or restores, before it gives up.
Millis AwayPatience(const conf::Job& job);

// Says hello to the scheduler (peer 0 of `client`) as `incarnation` and waits, by heartbeats, until
// the routing names every lane. PERMISSION_DENIED says why the scheduler refuses; CANCELLED: the
// run was stopped before it began, or options.stop is set.
// former_incarnation: whom this worker was before; 0: nobody.
absl::StatusOr<Membership> Join(net::RequestClient& client, const WorkerOptions& options,
                                uint64_t incarnation, uint64_t former_incarnation);

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_MEMBERSHIP_H_
