// Pushes in flight: each goes to all lanes, is kept until every lane has acknowledged it, and is
// sent again where a message was lost.
#ifndef CARAVAN_WORKER_PUSH_WINDOW_H_
#define CARAVAN_WORKER_PUSH_WINDOW_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "net/request_client.h"

namespace caravan::worker {

// A lane's part of a push. The frames are shared with what is on its way, never copied.
struct LanePush {
  google::protobuf::RepeatedPtrField<net::TableSpan> spans;
  uint64_t keys_signature = 0;
  net::Frame keys;   // u64[]; sent only to a lane that does not know the signature
  net::Frame rows;   // f32[], gradients in key order
  net::Frame dense;  // f32[], gradients of every chunk of the lane, ascending
};

struct BatchPush {
  net::BatchTag tag;
  float learning_rate_scale = 1;
  std::vector<LanePush> lanes;  // by lane; a lane without keys too, so that its marks advance
  // For staleness: a lane that has dense chunks, and the version of its first one when pulled.
  uint32_t version_lane = 0;
  uint64_t pulled_version = 0;
};

// A lane applies the batches of a block in order. So when one is lost, those behind it are refused
// with the batch that is expected, and the window sends again from there; when it no longer has
// that batch (the lane lost what it had acknowledged), it returns ABORTED: the block is to be begun
// anew from its mark.
//
// Owned and called by one thread, the one that owns `client`, whose peer i is lane i.
class PushWindow {
 public:
  // `client` outlives it. `give_up_after`: how long a lane may say that it is not ready.
  PushWindow(net::RequestClient* client, uint32_t pushes_max, Millis give_up_after);

  // Waits until fewer than pushes_max are in flight, then sends. Pushes are numbered from 1.
  absl::Status Push(BatchPush push);
  // Numbers of the last push begun, and of the last one that it and all before it are acknowledged.
  uint64_t pushed() const { return pushed_; }
  uint64_t acknowledged() const { return pushed_ - in_flight_.size(); }

  // Over all pushes applied: dense updates by others between the pull and the push.
  uint64_t staleness_sum() const { return staleness_sum_; }

  // Handles answers that are there, without waiting.
  absl::Status Collect();
  // Waits until push `number` and all before it are acknowledged.
  absl::Status AwaitAcknowledged(uint64_t number);

 private:
  struct LaneState {
    uint64_t ticket = 0;
    bool with_keys = false;
    bool acknowledged = false;
    std::optional<uint32_t> refused_for;  // the batch expected when it was last refused
    bool was_not_ready = false;
    Millis not_ready_since{0};
  };
  struct InFlight {
    BatchPush push;
    std::vector<LaneState> lanes;
  };

  void Send(InFlight& entry, uint32_t lane);
  // Sends again what `lane` has not acknowledged, from entry `first` on, in order.
  void SendAgain(size_t first, uint32_t lane);
  // Waits for the lane's answer to entry `index` and does what it asks for.
  absl::Status Take(size_t index, uint32_t lane);
  absl::Status HandleOutOfOrder(size_t index, uint32_t lane, uint32_t expected);
  void CountStaleness(const BatchPush& push, uint32_t lane, const net::PushReply& reply);
  void DropAcknowledged();

  net::RequestClient* const client_;
  const size_t pushes_max_;
  const Millis give_up_after_;
  const SystemClock clock_;
  std::deque<InFlight> in_flight_;
  uint64_t pushed_ = 0;
  uint64_t staleness_sum_ = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PUSH_WINDOW_H_
