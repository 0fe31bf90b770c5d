// Requests under way: which are unanswered, when each is to be sent again or given up, and the
// answers nobody has taken yet. Pure: time and messages are handed in, what is to be sent is handed
// out; net/request_client puts sockets under it.
#ifndef CARAVAN_NET_REQUEST_TABLE_H_
#define CARAVAN_NET_REQUEST_TABLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "net/message.h"

namespace caravan::net {

struct Answer {
  Reply reply;
  Message message;  // raw frames from [1]
};

// Another message of the same frames: they count references, no byte is copied.
Message ShareMessage(Message& message);

// Owned by one thread, or behind its owner's lock.
class RequestTable {
 public:
  struct Options {
    Millis repeat_after{5000};
    Millis give_up_after{120000};
    uint64_t run_id = 0;
    uint64_t sender = 0;
  };
  struct Request {
    size_t peer = 0;
    std::string kind;  // the field of Header
    Header header;     // of message, for when it is sent under another routing epoch
    Message message;
    Millis started{0};
    Millis sent{0};
  };
  explicit RequestTable(const Options& options)
      : options_(options), give_up_after_(options.give_up_after), run_id_(options.run_id) {}

  // Named in the requests begun from here on.
  void SetRun(uint64_t run_id, uint32_t routing_epoch) {
    run_id_ = run_id;
    routing_epoch_ = routing_epoch;
  }

  uint32_t routing_epoch() const { return routing_epoch_; }
  // Instead of Options::give_up_after.
  void SetGiveUpAfter(Millis give_up_after) { give_up_after_ = give_up_after; }

  // A request that its caller sends now; request_id (the ticket that is returned), run_id, sender
  // and routing_epoch are filled in. Kept, with its frames, until it is answered or forgotten.
  uint64_t Start(size_t peer, Header header, std::vector<Frame> frames, Millis now);
  // What is to be sent for `ticket`, which is unanswered: the message, shared.
  Message MessageOf(uint64_t ticket) { return ShareMessage(unanswered_.at(ticket).message); }
  size_t PeerOf(uint64_t ticket) const { return unanswered_.at(ticket).peer; }

  // Tickets that are to be sent again now, in the order in which they were begun, so that a peer
  // sees repeats in order too. They count as sent.
  std::vector<uint64_t> TakeOverdue(Millis now);
  // All that is unanswered goes under `routing_epoch` from here on: to be sent again now, in order.
  std::vector<uint64_t> Reroute(uint32_t routing_epoch, Millis now);

  // A message from `peer`. False where nobody waits for it (late, repeated or malformed). An answer
  // WRONG_ROUTE is dropped, for to hand it out would only make the asker ask again: its request
  // waits for Reroute, or its turn to be repeated.
  bool Keep(size_t peer, Message message);
  bool IsAnswered(uint64_t ticket) const { return answers_.contains(ticket); }
  // Once an answer: nothing where there is none (yet).
  std::optional<Answer> TakeAnswer(uint64_t ticket);
  void Forget(uint64_t ticket);

  // DEADLINE_EXCEEDED where `ticket` is unanswered for give_up_after; `peer_name` is for the text.
  // INVALID_ARGUMENT where there is no such request.
  absl::Status CheckDeadline(uint64_t ticket, Millis now, const std::string& peer_name) const;
  // The one that is unanswered the longest; null: none is.
  const Request* oldest() const {
    return unanswered_.empty() ? nullptr : &unanswered_.begin()->second;
  }
  const Request* Find(uint64_t ticket) const;

 private:
  const Options options_;
  Millis give_up_after_;
  uint64_t run_id_;
  uint32_t routing_epoch_ = 0;
  uint64_t next_ticket_ = 1;
  std::map<uint64_t, Request> unanswered_;
  std::map<uint64_t, Answer> answers_;
};

}  // namespace caravan::net

#endif  // CARAVAN_NET_REQUEST_TABLE_H_
