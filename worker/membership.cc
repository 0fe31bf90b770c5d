#include "worker/membership.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "absl/time/clock.h"
#include "base/status_macros.h"

namespace caravan::worker {
namespace {

constexpr absl::Duration kRoutingPause = absl::Milliseconds(200);

bool Stopped(const WorkerOptions& options) { return options.stop != nullptr && *options.stop; }

// Waits for the answer in slices, so that a signal is seen while the scheduler is not there yet.
absl::StatusOr<net::Answer> Ask(net::RequestClient& client, const WorkerOptions& options,
                                const net::Header& header) {
  const uint64_t ticket = client.Start(0, header, {});
  while (!client.IsAnswered(ticket)) {
    if (Stopped(options)) return absl::CancelledError("told to leave before the run began");
    absl::SleepFor(absl::Milliseconds(5));
  }
  CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, client.Await(ticket));
  CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
  return answer;
}

absl::StatusOr<net::Routing> AwaitRouting(net::RequestClient& client, const WorkerOptions& options,
                                          uint64_t incarnation) {
  net::Header header;
  header.mutable_heartbeat()->set_incarnation(incarnation);
  while (true) {
    CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, Ask(client, options, header));
    net::HeartbeatReply& reply = *answer.reply.mutable_heartbeat();
    if (reply.order() == net::HeartbeatReply::STOP) {
      return absl::CancelledError("the run was stopped before it began");
    }
    if (reply.order() == net::HeartbeatReply::UNKNOWN) {
      return absl::AbortedError("the scheduler does not know this worker any more");
    }
    if (reply.routing().lane_endpoints_size() > 0) return std::move(*reply.mutable_routing());
    absl::SleepFor(kRoutingPause);
  }
}

}  // namespace

Millis AwayPatience(const conf::Job& job) {
  return Millis{std::max(job.worker().give_up_after_ms(), job.cluster().away_max_ms())};
}

absl::StatusOr<Membership> Join(net::RequestClient& client, const WorkerOptions& options,
                                uint64_t incarnation, uint64_t former_incarnation) {
  net::Header header;
  net::Hello& hello = *header.mutable_hello();
  hello.set_role(net::WORKER);
  hello.set_version(options.version);
  hello.set_incarnation(incarnation);
  hello.set_former_incarnation(former_incarnation);
  hello.set_job_fingerprint(options.job_fingerprint);
  client.SetRun(options.run_id, 0);
  CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, Ask(client, options, header));
  net::Welcome& welcome = *answer.reply.mutable_welcome();
  Membership membership;
  membership.worker = welcome.id();
  if (!membership.run.ParseFromString(welcome.run_spec())) {
    return absl::DataLossError(fmt::format(
        "the scheduler's run description ({} bytes) cannot be read", welcome.run_spec().size()));
  }
  client.SetRun(membership.run.run_id(), 0);
  membership.routing = std::move(*welcome.mutable_routing());
  if (membership.routing.lane_endpoints_size() == 0) {
    CARAVAN_ASSIGN_OR_RETURN(membership.routing, AwaitRouting(client, options, incarnation));
  }
  return membership;
}

}  // namespace caravan::worker
