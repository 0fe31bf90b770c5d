#include "data/block_plan.h"

#include <algorithm>
#include <string_view>

namespace caravan::data {
namespace {

uint64_t CeilDivide(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

uint64_t TrainingBatches(const conf::Schema& schema, uint64_t batch_size) {
  uint64_t batches = 0;
  for (const conf::SplitSchema& split : schema.splits()) {
    if (split.name() != "train") continue;
    for (const conf::SplitFile& file : split.files()) {
      batches += CeilDivide(file.samples(), batch_size);
    }
  }
  return batches;
}

}  // namespace

conf::BlockPlan MakeBlockPlan(const conf::Job& job, const conf::Schema& schema) {
  const uint64_t batch_size = std::max<uint64_t>(job.training().batch_size(), 1);
  const uint64_t blocks_wanted = std::max<uint64_t>(
      uint64_t{job.cluster().workers()} * job.cluster().blocks_per_worker_min(), 1);
  const uint64_t batches_max = std::max<uint64_t>(job.cluster().block_batches_max(), 1);
  conf::BlockPlan plan;
  plan.set_batch_size(static_cast<uint32_t>(batch_size));
  plan.set_block_batches(static_cast<uint32_t>(
      std::clamp<uint64_t>(TrainingBatches(schema, batch_size) / blocks_wanted, 1, batches_max)));
  plan.set_locality(job.data().batch_locality());
  return plan;
}

std::vector<BlockExtent> Blocks(const conf::BlockPlan& plan, const conf::SplitSchema& split) {
  const uint64_t block_samples =
      std::max<uint64_t>(uint64_t{plan.batch_size()} * plan.block_batches(), 1);
  std::vector<BlockExtent> blocks;
  for (int file = 0; file < split.files_size(); ++file) {
    const uint64_t samples = split.files(file).samples();
    for (uint64_t first = 0; first < samples; first += block_samples) {
      blocks.push_back({.file = static_cast<uint32_t>(file),
                        .first_sample = first,
                        .samples = std::min(block_samples, samples - first)});
    }
  }
  return blocks;
}

}  // namespace caravan::data
