// What happens to the coordinator and what it decides: its whole language.
//
// A request of a peer gives exactly one answer among the actions of its Step.
#ifndef CARAVAN_SCHEDULER_EVENTS_H_
#define CARAVAN_SCHEDULER_EVENTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "conf/manifest.pb.h"
#include "scheduler/observer.h"

namespace caravan::scheduler {

// The coordinator's part of a checkpoint. Blocks not listed are leased again, from their marks.
struct QueueSnapshot {
  uint32_t epoch = 0;  // in progress
  std::vector<uint32_t> done_blocks;
  bool finished = false;                     // every epoch is done, or training was stopped early
  std::optional<uint32_t> ended_epoch = {};  // whose end the parameters are of
  conf::ValidationState validation = {};
};

// ---- events: requests of peers ----

struct Hello {
  net::Role role = net::WORKER;
  uint64_t incarnation = 0;
  std::string version = {};
  uint64_t job_fingerprint = 0;    // 0: takes the scheduler's
  uint64_t model_fingerprint = 0;  // 0: takes the scheduler's
  std::vector<std::string> lane_endpoints = {};
  // What a server's state directory holds, see net/wire.proto.
  uint64_t held_run_id = 0;
  std::vector<uint32_t> held_lanes = {};
  uint32_t held_lanes_total = 0;
  uint64_t held_incarnation = 0;
  uint64_t former_incarnation = 0;      // a worker's that joins anew
  std::optional<uint32_t> number = {};  // a server's in its launcher's count
  std::string host = {};
  uint32_t pid = 0;
};
struct Heartbeat {
  uint64_t incarnation = 0;
  uint64_t request_id = 0;
  TrainingSums sums;  // since the heartbeat before
  uint64_t resident_bytes = 0;
  std::string waiting_for;
  bool ready = false;
  bool state_lost = false;     // a server's: its lanes start from a checkpoint or the initial state
  uint32_t routing_epoch = 0;  // the peer's
};
struct LeaseRequest {
  uint64_t incarnation = 0;
  uint64_t request_id = 0;
};
struct BlockDone {
  uint64_t incarnation = 0;
  uint64_t lease = 0;
  uint32_t epoch = 0;
  uint32_t block = 0;
  uint64_t samples = 0;
  std::vector<net::CellSums> cells = {};
  uint32_t begun_routing_epoch = 0;
};
struct PhaseRequest {
  uint64_t incarnation = 0;
  uint64_t phase = 0;
};
struct StopRequest {
  bool checkpoint_first = false;
};

// ---- events: what the driver was asked for, and time ----

struct LedgerCounted {
  uint32_t epoch = 0;
  uint32_t routing_epoch = 0;          // the order's
  absl::Status status = {};            // not OK: a lane did not answer
  std::vector<uint64_t> samples = {};  // by ShardId
};
struct LaneMarks {
  uint32_t lane = 0;
  uint32_t epoch = 0;                       // the latest that a shard of the lane has begun
  std::map<uint32_t, uint32_t> marks = {};  // batches that all its shards applied, by block
};
struct MarksCollected {
  uint32_t routing_epoch = 0;         // the order's
  absl::Status status = {};           // not OK: a lane did not answer
  std::vector<LaneMarks> lanes = {};  // those that were asked
};
struct CheckpointEnded {
  uint64_t checkpoint = 0;
  absl::Status status;  // OK: its MANIFEST is in place
};
struct TimePassed {};

using Event = std::variant<Hello, Heartbeat, LeaseRequest, BlockDone, PhaseRequest, StopRequest,
                           LedgerCounted, MarksCollected, CheckpointEnded, TimePassed>;

// ---- actions: answers ----

struct Welcome {
  uint32_t id = 0;
  std::vector<uint32_t> lanes = {};  // a server's
  bool with_routing = false;
  bool keep_state = false;  // a server's
};
struct HeartbeatAnswer {
  net::HeartbeatReply::Order order = net::HeartbeatReply::CONTINUE;
  bool with_routing = false;
};
struct LeaseAnswer {
  net::LeaseReply::Kind kind = net::LeaseReply::WAIT;
  uint32_t epoch = 0;
  std::string split;
  uint32_t block = 0;
  float learning_rate_scale = 1;
  uint32_t wait_ms = 0;
  uint64_t lease = 0;
  uint32_t batches_end = 0;  // 0: the whole block
};
struct BlockDoneAnswer {
  bool accepted = false;
};
struct PhaseAnswer {
  bool go = false;
};
struct StopAnswer {};
struct Refusal {
  net::Code code = net::INVALID;
  std::string message;
};

// ---- actions: for the driver ----

// These are asked of lanes as they are routed in `routing_epoch`; what comes of an earlier one is
// passed over.
struct CountLedger {
  uint32_t epoch = 0;
  uint32_t routing_epoch = 0;
};
struct CollectMarks {
  std::vector<uint32_t> lanes;
  uint32_t routing_epoch = 0;
};
struct WriteCheckpoint {
  uint64_t checkpoint = 0;
  QueueSnapshot queue;
};
// A lane that was to write it may have lost what the snapshot says: there is to be no such
// checkpoint, and no CheckpointEnded.
struct DropCheckpoint {
  uint64_t checkpoint = 0;
};
struct CheckpointWritten {
  uint64_t checkpoint = 0;
};
struct EpochEnded {
  EpochSummary summary;
};
struct EvaluationEnded {
  Evaluation evaluation;
};
// Everyone has been told to leave, or had the time to hear of it.
struct RunEnded {
  absl::Status status;
};
struct LogLine {
  bool warning = false;
  std::string text;
};

using Action =
    std::variant<Welcome, HeartbeatAnswer, LeaseAnswer, BlockDoneAnswer, PhaseAnswer, StopAnswer,
                 Refusal, CountLedger, CollectMarks, WriteCheckpoint, DropCheckpoint,
                 CheckpointWritten, EpochEnded, EvaluationEnded, RunEnded, LogLine>;

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_EVENTS_H_
