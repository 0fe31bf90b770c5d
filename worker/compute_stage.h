// The second stage of the pipeline: computes what was fetched, pushes gradients, and tells the
// scheduler of a block once all lanes have acknowledged its last push.
#ifndef CARAVAN_WORKER_COMPUTE_STAGE_H_
#define CARAVAN_WORKER_COMPUTE_STAGE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "conf/run_spec.pb.h"
#include "model/executor.h"
#include "model/metrics.h"
#include "model/reptile.h"
#include "net/request_client.h"
#include "worker/block_reports.h"
#include "worker/fetch_stage.h"
#include "worker/interrupt.h"
#include "worker/lane_gradients.h"
#include "worker/lane_map.h"
#include "worker/push_window.h"
#include "worker/worker_counters.h"

namespace caravan::worker {

// Owned and run by one thread, which owns both clients. Everything given outlives it. Pushes go out
// while the next batch is computed; their acknowledgements are looked at between batches.
class ComputeStage {
 public:
  struct Options {
    const conf::RunSpec* run = nullptr;
    const LaneMap* map = nullptr;
    const model::Graph* graph = nullptr;
    model::Executor* executor = nullptr;
    uint64_t incarnation = 0;
    net::RequestClient* scheduler = nullptr;  // peer 0: the scheduler
    net::RequestClient* lanes = nullptr;
    const Interrupt* interrupt = nullptr;
    StageQueues* queues = nullptr;
    WorkerCounters* counters = nullptr;
  };
  explicit ComputeStage(const Options& options);

  // Until queues->fetched is closed and all that came from it is acknowledged and reported.
  absl::Status Run();

 private:
  struct SentReport {
    std::shared_ptr<const BlockLease> lease;
    uint64_t ticket = 0;
  };

  model::Metrics EmptyMetrics() const;
  absl::Status Handle(Fetched fetched);
  absl::Status Train(const BlockLease& lease, std::unique_ptr<PreparedBatch> batch);
  void Evaluate(const PreparedBatch& batch);
  void EndBlock(std::shared_ptr<const BlockLease> lease);
  absl::Status ReportEndedBlocks();
  // Of the first report that was sent.
  absl::Status TakeReportAnswer();
  // Waits until nothing is in flight any more.
  absl::Status Settle();
  void Recycle(std::unique_ptr<PreparedBatch> batch);

  const Options options_;
  const bool in_turns_;  // SYNC
  PushWindow window_;
  BatchGradients gradients_;
  std::optional<model::Reptile> reptile_;  // of training.reptile
  RoundingDebt debt_;                      // of worker.transfer BF16
  model::Metrics metrics_;                 // of the block being evaluated
  uint32_t version_lane_ = 0;
  uint64_t batches_pushed_ = 0;
  BlockReports reports_;
  std::deque<SentReport> sent_reports_;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_COMPUTE_STAGE_H_
