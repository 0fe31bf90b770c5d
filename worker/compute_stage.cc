#include "worker/compute_stage.h"

#include <optional>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "absl/time/time.h"
#include "base/flush_denormals.h"
#include "base/hash.h"
#include "base/huge_pages.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "worker/membership.h"

namespace caravan::worker {
namespace {

// A lane by whose version staleness is measured: the first that has dense chunks.
uint32_t FirstLaneWithChunks(const LaneMap& map) {
  for (uint32_t lane = 0; lane < map.lanes(); ++lane) {
    if (!map.LaneChunks(lane).empty()) return lane;
  }
  return 0;
}

// The cells that have samples.
std::vector<net::CellSums> CellsOf(const model::Metrics& metrics) {
  std::vector<net::CellSums> cells;
  for (uint32_t task = 0; task < metrics.tasks(); ++task) {
    for (uint32_t scenario = 0; scenario < metrics.scenarios(); ++scenario) {
      const model::CellSums& sums = metrics.cell(task, scenario);
      if (sums.samples == 0) continue;
      net::CellSums& cell = cells.emplace_back();
      cell.set_task(task);
      cell.set_scenario(scenario);
      cell.set_samples(sums.samples);
      cell.set_absolute_error(sums.absolute_error);
      cell.set_label(sums.label);
      cell.set_smape(sums.smape);
      cell.set_loss(sums.loss);
      cell.set_deviance(sums.deviance);
      cell.mutable_positives()->Assign(sums.ranking.positives.begin(),
                                       sums.ranking.positives.end());
      cell.mutable_negatives()->Assign(sums.ranking.negatives.begin(),
                                       sums.ranking.negatives.end());
    }
  }
  return cells;
}

}  // namespace

ComputeStage::ComputeStage(const Options& options)
    : options_(options),
      in_turns_(options.run->job().training().consistency() == conf::SYNC),
      window_(options.lanes, options.run->job().worker().pushes_in_flight(),
              AwayPatience(options.run->job())),
      metrics_(EmptyMetrics()),
      version_lane_(FirstLaneWithChunks(*options.map)),
      reports_(options.incarnation) {
  gradients_.dense = ReserveHugePages<float>(options.map->dense_floats());
  gradients_.dense.resize(options.map->dense_floats());
  const conf::Training& training = options.run->job().training();
  if (!training.has_reptile()) return;
  reptile_.emplace(
      model::Reptile::Options{.steps = training.reptile().inner_steps(),
                              .rate = static_cast<float>(training.reptile().inner_rate())},
      *options.graph, *options.executor);
}

model::Metrics ComputeStage::EmptyMetrics() const {
  return {options_.graph->tasks(), static_cast<uint32_t>(options_.run->schema().scenarios_size())};
}

absl::Status ComputeStage::Run() {
  const FlushDenormals flush;  // clipping and Reptile's steps walk over all gradients, too
  BoundedQueue<Fetched>& fetched = options_.queues->fetched;
  while (true) {
    std::optional<Fetched> next = fetched.Pop(absl::ZeroDuration());
    if (!next.has_value()) {
      CARAVAN_RETURN_IF_ERROR(Settle());
      next = fetched.Pop();
      if (!next.has_value()) return absl::OkStatus();
    }
    CARAVAN_RETURN_IF_ERROR(Handle(*std::move(next)));
    CARAVAN_RETURN_IF_ERROR(ReportEndedBlocks());
  }
}

absl::Status ComputeStage::Handle(Fetched fetched) {
  if (fetched.batch == nullptr) {
    EndBlock(std::move(fetched.lease));
    return absl::OkStatus();
  }
  if (fetched.lease->train) return Train(*fetched.lease, std::move(fetched.batch));
  Evaluate(*fetched.batch);
  Recycle(std::move(fetched.batch));
  return absl::OkStatus();
}

absl::Status ComputeStage::Train(const BlockLease& lease, std::unique_ptr<PreparedBatch> batch) {
  const TableKeys& keys = batch->keys.keys();
  gradients_.rows.resize(keys.size());
  for (uint32_t table = 0; table < keys.size(); ++table) {
    gradients_.rows[table].resize(batch->parameters.rows[table].size());
  }
  const std::vector<std::span<float>> row_gradients(gradients_.rows.begin(), gradients_.rows.end());
  model::ExecutorInput input = MakeExecutorInput(*batch);
  // The same for a batch whoever computes it, and another in each epoch.
  RandomStream draws(options_.run->job().training().seed(), CombineHash(lease.epoch, lease.block),
                     batch->number);
  input.dropout_seed = draws.NextBits() | 1;
  const model::ExecutorOutput output =
      reptile_.has_value()
          ? reptile_->ForwardBackward(input, batch->samples.scenarios, gradients_.dense,
                                      row_gradients)
          : options_.executor->ForwardBackward(input, gradients_.dense, row_gradients);
  const uint32_t samples = batch->samples.size;
  options_.counters->CountBatch(samples, output.loss, output.task_losses);

  BatchPush push;
  push.tag.set_epoch(lease.epoch);
  push.tag.set_block(lease.block);
  push.tag.set_batch(batch->number);
  push.tag.set_samples(samples);
  push.learning_rate_scale = lease.learning_rate_scale;
  push.version_lane = version_lane_;
  const std::span<const net::DenseChunk> chunks = options_.map->LaneChunks(version_lane_);
  if (!chunks.empty()) {
    push.pulled_version = batch->parameters.dense_versions[Index(chunks.front().id)];
  }
  const auto clip = static_cast<float>(options_.run->job().training().gradient_clip());
  CARAVAN_RETURN_IF_ERROR(
      FillPush(*options_.map, options_.run->model(), batch->split, gradients_, clip, push,
               options_.run->job().worker().transfer() == conf::BF16 ? &debt_ : nullptr));
  if (in_turns_) {
    CARAVAN_RETURN_IF_ERROR(AwaitPhase(*options_.scheduler, options_.incarnation,
                                       2 * batches_pushed_ + 1, *options_.interrupt));
  }
  ++batches_pushed_;
  CARAVAN_RETURN_IF_ERROR(window_.Push(std::move(push)));
  batch->turn = Turn();
  // In turns, nothing is fetched before all lanes have this push.
  if (in_turns_) CARAVAN_RETURN_IF_ERROR(window_.AwaitAcknowledged(window_.pushed()));
  options_.counters->SetStaleness(static_cast<double>(window_.staleness_sum()));
  Recycle(std::move(batch));
  return absl::OkStatus();
}

void ComputeStage::Evaluate(const PreparedBatch& batch) {
  const model::ExecutorOutput output = options_.executor->Forward(MakeExecutorInput(batch));
  metrics_.Add(output.predictions, batch.samples.labels, batch.samples.scenarios);
}

void ComputeStage::EndBlock(std::shared_ptr<const BlockLease> lease) {
  std::vector<net::CellSums> cells;
  if (!lease->train) {
    cells = CellsOf(metrics_);
    metrics_ = EmptyMetrics();
  }
  reports_.End(std::move(lease), window_.pushed(), std::move(cells));
}

absl::Status ComputeStage::ReportEndedBlocks() {
  CARAVAN_RETURN_IF_ERROR(window_.Collect());
  for (BlockReports::Report& report : reports_.TakeReports(window_.acknowledged())) {
    sent_reports_.push_back(
        {report.lease, options_.scheduler->Start(0, std::move(report.header), {})});
  }
  while (!sent_reports_.empty() && options_.scheduler->IsAnswered(sent_reports_.front().ticket)) {
    CARAVAN_RETURN_IF_ERROR(TakeReportAnswer());
  }
  return absl::OkStatus();
}

absl::Status ComputeStage::TakeReportAnswer() {
  const SentReport report = std::move(sent_reports_.front());
  sent_reports_.pop_front();
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, options_.scheduler->Await(report.ticket));
  CARAVAN_ASSIGN_OR_RETURN(const bool accepted, BlockReports::Accepted(answer.reply));
  if (!accepted) {
    LOG(INFO) << fmt::format("epoch={} block={} lease={} had gone to another worker",
                             report.lease->epoch, report.lease->block, report.lease->lease);
  }
  return absl::OkStatus();
}

absl::Status ComputeStage::Settle() {
  CARAVAN_RETURN_IF_ERROR(window_.AwaitAcknowledged(window_.pushed()));
  options_.counters->SetStaleness(static_cast<double>(window_.staleness_sum()));
  CARAVAN_RETURN_IF_ERROR(ReportEndedBlocks());
  while (!sent_reports_.empty()) CARAVAN_RETURN_IF_ERROR(TakeReportAnswer());
  return absl::OkStatus();
}

void ComputeStage::Recycle(std::unique_ptr<PreparedBatch> batch) {
  // Refused only when the queue is closed: the worker is leaving.
  options_.queues->free.Push(std::move(batch));
}

}  // namespace caravan::worker
