// Requests to many peers at once, each answered, repeated or given up: the one place where ids,
// deadlines and repeats of requests are looked after.
//
// Owned and used by one thread. A request is kept (its frames too) until its answer is there; it is
// sent again when `repeat_after` passes without one, on the same connection and in order. Answers
// with an unknown or outdated request id are dropped and counted. An answer WRONG_ROUTE is not
// handed out: the request waits for the next Reroute, or its turn to be repeated.
#ifndef CARAVAN_NET_REQUEST_CLIENT_H_
#define CARAVAN_NET_REQUEST_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/request_table.h"
#include "net/socket.h"

namespace caravan::net {

class RequestClient {
 public:
  using Options = RequestTable::Options;
  static absl::StatusOr<std::unique_ptr<RequestClient>> Connect(
      Context& context, const std::vector<std::string>& endpoints, const Options& options);
  virtual ~RequestClient() = default;

  virtual size_t peers() const = 0;
  virtual void SetRun(uint64_t run_id, uint32_t routing_epoch) = 0;

  // Instead of Options::give_up_after, from the next look at the time on.
  virtual void SetGiveUpAfter(Millis give_up_after) = 0;

  // From any thread: peers listen at `endpoints` (as many as before) in a later routing epoch. At
  // the owner's next call all that is unanswered is sent again there, in order, under that epoch.
  // No effect where the epoch is not later than the present one.
  virtual void Reroute(std::vector<std::string> endpoints, uint32_t routing_epoch) = 0;
  // The epoch under which requests are sent.
  virtual uint32_t routing_epoch() const = 0;

  // Starts a request to `peer` (index into endpoints). `frames` go behind the header. request_id,
  // run_id, sender, host, pid and routing_epoch are filled in. Returns its ticket.
  virtual uint64_t Start(size_t peer, Header header, std::vector<Frame> frames) = 0;

  // Waits until `ticket` is answered. DEADLINE_EXCEEDED after give_up_after names the peer and the
  // kind of request; CANCELLED when Cancel() was called. Other tickets' answers that come meanwhile
  // are kept.
  virtual absl::StatusOr<Answer> Await(uint64_t ticket) = 0;
  // True when Await would return at once; handles what has arrived, without waiting.
  virtual bool IsAnswered(uint64_t ticket) = 0;
  // Start and Await.
  absl::StatusOr<Answer> Call(size_t peer, Header header, std::vector<Frame> frames = {});
  // Forgets a ticket; its answer is dropped.
  virtual void Forget(uint64_t ticket) = 0;
  // From any thread: every Await returns CANCELLED, now and later.
  virtual void Cancel() = 0;
  // From any thread: what is waited for longer than 5 s, as "pull from ipc://… for 6.1 s"; empty
  // where nothing is.
  virtual std::string Waiting() const = 0;

  // From any thread.
  virtual uint64_t bytes_sent() const = 0;
  virtual uint64_t bytes_received() const = 0;
  // Answers nobody waited for: late, repeated or malformed.
  virtual uint64_t answers_dropped() const = 0;
};

// The error that a reply's code stands for; OK for OK.
absl::Status ReplyStatus(const Reply& reply);

}  // namespace caravan::net

#endif  // CARAVAN_NET_REQUEST_CLIENT_H_
