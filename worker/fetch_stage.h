// The first stage of the pipeline: leases blocks, reads their batches, finds their keys and pulls
// their parameters, ahead of the computing stage. Drives worker/block_order.
#ifndef CARAVAN_WORKER_FETCH_STAGE_H_
#define CARAVAN_WORKER_FETCH_STAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/bounded_queue.h"
#include "conf/run_spec.pb.h"
#include "data/sample_reader.h"
#include "net/request_client.h"
#include "worker/block_order.h"
#include "worker/interrupt.h"
#include "worker/lane_map.h"
#include "worker/prepared_batch.h"
#include "worker/ps_client.h"

namespace caravan::worker {

// Where the two stages meet. `free` is filled with batches before they start; each goes round:
// free -> fetched -> free.
struct StageQueues {
  BoundedQueue<std::unique_ptr<PreparedBatch>> free;
  BoundedQueue<Fetched> fetched;
};

// Answers go=true to a phase of BOUNDED or SYNC, asking the scheduler (peer 0 of `client`) until it
// does. CANCELLED when `interrupt` is set.
absl::Status AwaitPhase(net::RequestClient& client, uint64_t incarnation, uint64_t phase,
                        const Interrupt& interrupt);

// Owned and run by one thread, which owns both clients. Everything given outlives it.
class FetchStage {
 public:
  struct Options {
    const conf::RunSpec* run = nullptr;
    const LaneMap* map = nullptr;
    uint64_t incarnation = 0;
    net::RequestClient* scheduler = nullptr;  // peer 0: the scheduler
    net::RequestClient* lanes = nullptr;
    const Interrupt* interrupt = nullptr;
    TurnGate* turns = nullptr;  // null: there are none to take
    StageQueues* queues = nullptr;
  };
  explicit FetchStage(const Options& options);

  // Until the run is done (OK), `interrupt` is set (CANCELLED), the scheduler does not know this
  // worker any more (ABORTED), or something fails.
  absl::Status Run();

 private:
  // The event that an action leads to; none: the action behind it does.
  using Next = std::optional<BlockOrder::Event>;
  absl::StatusOr<Next> Do(const BlockOrder::AskLease& action);
  absl::StatusOr<Next> Do(const BlockOrder::AskMark& action);
  absl::StatusOr<Next> Do(const BlockOrder::ReadBatch& action);
  absl::StatusOr<Next> Do(const BlockOrder::AskPhase& action);
  absl::StatusOr<Next> Do(const BlockOrder::PullBatch& action);
  absl::StatusOr<Next> Do(const BlockOrder::EndBlock& action);
  absl::StatusOr<Next> Do(const BlockOrder::WakeAt& action);
  absl::StatusOr<Next> Do(const BlockOrder::Leave& action);
  absl::Status OpenReader(const std::string& split);

  const Options options_;
  const SystemClock clock_;
  PsClient ps_client_;
  BlockOrder order_;
  std::unique_ptr<PreparedBatch> batch_;  // being read and pulled
  std::unique_ptr<data::SampleReader> reader_;
  std::string reader_split_;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_FETCH_STAGE_H_
