// Pushes in flight, and what each lane is to be sent of them: the decisions of worker/push_window.
// Pure: time and answers are handed in, requests are handed out.
//
// A lane applies the batches of a block in order. So when one is lost, those behind it are refused
// with the batch that is expected, and it is sent again from there; when that batch is not in
// flight any more (the lane lost what it had acknowledged), Take returns ABORTED.
//
// Then the worker joins anew, which gives back all of its leases, and not that of the block alone:
// each was begun before the loss, so that the scheduler takes no report of it
// (BlockDone.begun_routing_epoch), and what was read ahead was pulled from lanes that have gone
// back since.
#ifndef CARAVAN_WORKER_PUSH_ORDER_H_
#define CARAVAN_WORKER_PUSH_ORDER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "worker/lane_talk.h"

namespace caravan::worker {

// A lane's part of a push. The frames are shared with what is on its way, never copied.
struct LanePush {
  google::protobuf::RepeatedPtrField<net::TableSpan> spans;
  uint64_t keys_signature = 0;
  net::Frame keys;   // u64[]; sent only to a lane that does not know the signature
  net::Frame rows;   // f32[], gradients in key order
  net::Frame dense;  // f32[] or bf16[], gradients of every chunk of the lane, ascending
};

struct BatchPush {
  net::BatchTag tag;
  float learning_rate_scale = 1;
  bool dense_bf16 = false;
  std::vector<LanePush> lanes;  // by lane; a lane without keys too, so that its marks advance
  // For staleness: a lane that has dense chunks, and the version of its first one when pulled.
  uint32_t version_lane = 0;
  uint64_t pulled_version = 0;
};

// Owned by one thread. Its driver sends what TakeRequests gives, hands the answer to the last
// request of a (push, lane) to Take, and comes back at next_due.
class PushOrder {
 public:
  // `give_up_after`: how long a lane may say that it cannot answer yet.
  explicit PushOrder(Millis give_up_after) : give_up_after_(give_up_after) {}

  // Pushes are numbered from 1.
  void Begin(BatchPush push);
  struct Request {
    uint64_t push = 0;
    LaneRequest request;  // replaces the one before for this push and lane
  };
  std::vector<Request> TakeRequests(Millis now);
  absl::Status Take(uint64_t push, uint32_t lane, const net::Reply& reply, Millis now);
  // When TakeRequests has something again, without an answer; nothing: not without one.
  std::optional<Millis> next_due() const;

  // Numbers of the last push begun, and of the last one that it and all before it are acknowledged.
  uint64_t pushed() const { return pushed_; }
  uint64_t acknowledged() const { return pushed_ - in_flight_.size(); }
  bool IsAcknowledged(uint64_t push, uint32_t lane) const {
    return push <= acknowledged() || in_flight_[IndexOf(push)].lanes[lane].acknowledged;
  }
  // Over all pushes applied: dense updates by others between the pull and the push.
  uint64_t staleness_sum() const { return staleness_sum_; }

 private:
  struct LaneState {
    bool to_send = true;
    bool with_keys = false;
    bool acknowledged = false;
    std::optional<uint32_t> refused_for;  // the batch expected when it was last refused
  };
  struct InFlight {
    BatchPush push;
    std::vector<LaneState> lanes;
  };
  // A lane that cannot answer yet is sent nothing until `until`, then all it has not acknowledged.
  struct Pause {
    Millis since{0};
    Millis until{0};
    bool over = false;  // it is being asked again
  };

  size_t IndexOf(uint64_t push) const { return push - acknowledged() - 1; }
  LaneRequest MakeRequest(InFlight& entry, uint32_t lane);
  // `lane` is sent again what it has not acknowledged, from entry `first` on, in order.
  void SendAgain(size_t first, uint32_t lane);
  absl::Status HandleOutOfOrder(size_t index, uint32_t lane, uint32_t expected);
  // `lane` cannot answer yet: it is asked again after a pause. False: it has had its time.
  bool BePatient(size_t index, uint32_t lane, Millis now);
  void CountStaleness(const BatchPush& push, uint32_t lane, const net::PushReply& reply);
  void DropAcknowledged();

  const Millis give_up_after_;
  std::deque<InFlight> in_flight_;
  std::vector<std::optional<Pause>> pauses_;  // by lane
  uint64_t pushed_ = 0;
  uint64_t staleness_sum_ = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PUSH_ORDER_H_
