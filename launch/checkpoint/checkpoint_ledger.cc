#include "launch/checkpoint/checkpoint_ledger.h"

#include <fmt/format.h>

namespace caravan::launch {

absl::Status CheckLedger(const ps::CheckpointSummary& summary, uint64_t training_samples) {
  const conf::QueueState& queue = summary.manifest.queue();
  const uint32_t finished = queue.finished() ? queue.epoch() + 1 : queue.epoch();
  for (uint32_t epoch = 0; epoch < finished; ++epoch) {
    const auto found = summary.samples.find(epoch);
    const ps::ShardRange range = found == summary.samples.end() ? ps::ShardRange() : found->second;
    if (range.lowest == training_samples && range.highest == training_samples) continue;
    return absl::DataLossError(
        fmt::format("the ledger of epoch {} is off: its shards have applied {} to {} samples, each "
                    "must have applied {}",
                    epoch, range.lowest, range.highest, training_samples));
  }
  for (const auto& [epoch, range] : summary.samples) {
    if (epoch < finished || range.highest <= training_samples) continue;
    return absl::DataLossError(fmt::format(
        "the ledger of epoch {}, which is under way, is off: a shard has applied {} samples of {}",
        epoch, range.highest, training_samples));
  }
  return absl::OkStatus();
}

}  // namespace caravan::launch
