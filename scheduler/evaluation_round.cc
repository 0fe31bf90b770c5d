#include "scheduler/evaluation_round.h"

#include <algorithm>
#include <numeric>

#include "fmt/format.h"

namespace caravan::scheduler {
namespace {

constexpr int kCountsMax = 4096;  // of a class in a cell; no worker of ours sends more

using Counts = google::protobuf::RepeatedField<uint64_t>;

void AddCounts(const Counts& more, Counts& counts) {
  if (counts.size() < more.size()) counts.Resize(more.size(), 0);
  for (int i = 0; i < more.size(); ++i) counts.Set(i, counts.Get(i) + more.Get(i));
}

}  // namespace

std::vector<uint32_t> SplitBlocks::Batches(uint32_t batch_size) const {
  std::vector<uint32_t> batches;
  batches.reserve(samples.size());
  for (const uint64_t count : samples) {
    batches.push_back(static_cast<uint32_t>((count + batch_size - 1) / batch_size));
  }
  return batches;
}

uint64_t SplitBlocks::TotalSamples() const {
  return std::accumulate(samples.begin(), samples.end(), uint64_t{0});
}

EvaluationRound::EvaluationRound(const SplitBlocks& blocks, uint32_t batch_size, uint32_t epoch,
                                 Millis begun)
    : blocks_(blocks), epoch_(epoch), begun_(begun), queue_(blocks.Batches(batch_size), {}) {}

absl::Status EvaluationRound::Check(const BlockDone& report, uint32_t tasks,
                                    uint32_t scenarios) const {
  const uint64_t samples = blocks_.samples.at(report.block);
  std::vector<uint64_t> task_samples(tasks);
  for (const net::CellSums& cell : report.cells) {
    if (cell.task() >= tasks || cell.scenario() >= scenarios) {
      return absl::InvalidArgumentError(
          fmt::format("cell (task {}, scenario {}) of {} block {}: there are {} tasks and {} "
                      "scenarios",
                      cell.task(), cell.scenario(), blocks_.split, report.block, tasks, scenarios));
    }
    if (cell.positives_size() > kCountsMax || cell.negatives_size() > kCountsMax) {
      return absl::InvalidArgumentError(fmt::format(
          "{} block {}, task {}: {} counts by bin, {} are allowed", blocks_.split, report.block,
          cell.task(), std::max(cell.positives_size(), cell.negatives_size()), kCountsMax));
    }
    task_samples[cell.task()] += cell.samples();
  }
  for (uint32_t task = 0; task < tasks; ++task) {
    if (task_samples[task] != samples) {
      return absl::InvalidArgumentError(
          fmt::format("{} block {}, task {}: {} samples were scored, the block has {}",
                      blocks_.split, report.block, task, task_samples[task], samples));
    }
  }
  return absl::OkStatus();
}

void EvaluationRound::Add(const std::vector<net::CellSums>& cells) {
  for (const net::CellSums& more : cells) {
    net::CellSums& sums = cells_[{more.task(), more.scenario()}];
    sums.set_task(more.task());
    sums.set_scenario(more.scenario());
    sums.set_samples(sums.samples() + more.samples());
    sums.set_absolute_error(sums.absolute_error() + more.absolute_error());
    sums.set_label(sums.label() + more.label());
    sums.set_smape(sums.smape() + more.smape());
    sums.set_loss(sums.loss() + more.loss());
    sums.set_deviance(sums.deviance() + more.deviance());
    AddCounts(more.positives(), *sums.mutable_positives());
    AddCounts(more.negatives(), *sums.mutable_negatives());
  }
}

Evaluation EvaluationRound::Result(Millis now) const {
  Evaluation evaluation{.split = blocks_.split,
                        .epoch = epoch_,
                        .samples = blocks_.TotalSamples(),
                        .seconds = static_cast<double>((now - begun_).count()) / 1000,
                        .cells = {}};
  for (const auto& [key, sums] : cells_) evaluation.cells.push_back(sums);
  return evaluation;
}

}  // namespace caravan::scheduler
