// What a worker does next: lease a block, ask where to go on with it (its mark), then each batch in
// order (read, wait for its phase, pull), then the next block. Pure: no thread, clock or socket;
// worker/fetch_stage does what it says.
#ifndef CARAVAN_WORKER_BLOCK_ORDER_H_
#define CARAVAN_WORKER_BLOCK_ORDER_H_

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "conf/run_spec.pb.h"
#include "net/wire.pb.h"
#include "worker/block_lease.h"

namespace caravan::worker {

// The scheduler does not know this worker (it was taken for dead): ABORTED, to join anew.
absl::Status CheckKnown(const net::Reply& reply);

// How long to wait before a phase is asked for again: longer each time.
class PhasePause {
 public:
  Millis Next();
  void Reset() { pause_ = kMin; }

 private:
  static constexpr Millis kMin{2};
  static constexpr Millis kMax{32};
  Millis pause_ = kMin;
};

class BlockOrder {
 public:
  // ---- events ----
  struct TimePassed {};
  struct LeaseAnswered {
    net::Reply reply;
    uint32_t routing_epoch = 0;  // of the lanes, as the worker knows it
  };
  struct MarkFound {
    uint32_t mark = 0;  // the lowest of all lanes
  };
  struct BatchRead {};
  struct PhaseAnswered {
    net::Reply reply;
  };
  struct BatchPulled {};
  using Event =
      std::variant<TimePassed, LeaseAnswered, MarkFound, BatchRead, PhaseAnswered, BatchPulled>;

  // ---- actions; all but EndBlock are answered by an event ----
  struct AskLease {};
  struct AskMark {};
  struct ReadBatch {
    uint32_t number = 0;
  };
  struct AskPhase {
    uint64_t phase = 0;
  };
  struct PullBatch {
    uint32_t number = 0;
  };
  struct EndBlock {
    std::shared_ptr<const BlockLease> lease;
  };
  struct WakeAt {
    Millis time{0};  // TimePassed is wanted then
  };
  struct Leave {
    absl::Status status;  // OK: the run is over
  };
  using Action =
      std::variant<AskLease, AskMark, ReadBatch, AskPhase, PullBatch, EndBlock, WakeAt, Leave>;

  // `run` outlives it.
  explicit BlockOrder(const conf::RunSpec* run) : run_(run) {}

  // Begins with TimePassed.
  std::vector<Action> Step(const Event& event, Millis now);

  // Of the block in progress; null before the first.
  const std::shared_ptr<const BlockLease>& lease() const { return lease_; }

 private:
  void On(const TimePassed& event);
  void On(const LeaseAnswered& event);
  void On(const MarkFound& event);
  void On(const BatchRead& event);
  void On(const PhaseAnswered& event);
  void On(const BatchPulled& event);
  void NextBatch();

  const conf::RunSpec* const run_;
  Millis now_{0};
  std::vector<Action> actions_;
  std::shared_ptr<const BlockLease> lease_;
  uint32_t number_ = 0;  // of the batch in progress
  bool awaits_phase_ = false;
  PhasePause phase_pause_;
  uint64_t batches_begun_ = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_BLOCK_ORDER_H_
