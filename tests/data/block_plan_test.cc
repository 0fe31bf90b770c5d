#include "data/block_plan.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "data/permutation.h"

namespace caravan::data {
namespace {

conf::Schema SchemaWith(const std::vector<uint64_t>& file_samples) {
  conf::Schema schema;
  conf::SplitSchema& split = *schema.add_splits();
  split.set_name("train");
  for (const uint64_t samples : file_samples) split.add_files()->set_samples(samples);
  return schema;
}

conf::Job JobWith(uint32_t workers, uint32_t batch_size) {
  conf::Job job;
  job.mutable_cluster()->set_workers(workers);
  job.mutable_training()->set_batch_size(batch_size);
  return job;
}

TEST(BlockPlanTest, SmallSetsStillGiveEveryWorkerItsBlocks) {
  const conf::Schema schema = SchemaWith({52685});
  const conf::BlockPlan plan = MakeBlockPlan(JobWith(40, 64), schema);
  EXPECT_EQ(plan.batch_size(), 64);
  EXPECT_EQ(plan.block_batches(), 5);  // 824 batches, 160 blocks wanted
  EXPECT_GE(Blocks(plan, schema.splits(0)).size(), 160);
}

TEST(BlockPlanTest, LargeSetsStopAtTheLimitAndTinyOnesAtOne) {
  EXPECT_EQ(MakeBlockPlan(JobWith(1, 10), SchemaWith({1000000})).block_batches(), 64);
  EXPECT_EQ(MakeBlockPlan(JobWith(40, 256), SchemaWith({300})).block_batches(), 1);
}

TEST(BlockPlanTest, BlocksCoverEveryFileExactly) {
  const conf::Schema schema = SchemaWith({100, 7, 0, 64});
  conf::BlockPlan plan;
  plan.set_batch_size(8);
  plan.set_block_batches(4);
  std::vector<uint64_t> next(4, 0);
  for (const BlockExtent& block : Blocks(plan, schema.splits(0))) {
    EXPECT_EQ(block.first_sample, next[block.file]);
    EXPECT_GT(block.samples, 0);
    EXPECT_LE(block.samples, 32);
    next[block.file] += block.samples;
  }
  EXPECT_EQ(next, (std::vector<uint64_t>{100, 7, 0, 64}));
}

TEST(PermutationTest, EveryValueOnce) {
  for (const uint64_t size : {1, 2, 3, 4, 5, 17, 64, 1000, 4097}) {
    const Permutation order(size, 42);
    std::vector<bool> seen(size);
    for (uint64_t i = 0; i < size; ++i) {
      const uint64_t value = order(i);
      ASSERT_LT(value, size);
      EXPECT_FALSE(seen[value]) << size;
      seen[value] = true;
    }
  }
}

// A resumed run goes on in the middle of an epoch's order.
TEST(PermutationTest, OrderNeverChanges) {
  const Permutation order(1000, 7);
  std::vector<uint64_t> first;
  for (uint64_t i = 0; i < 6; ++i) first.push_back(order(i));
  EXPECT_EQ(first, (std::vector<uint64_t>{186, 829, 43, 264, 26, 741}));
}

TEST(PermutationTest, MixesNeighboursAndSeeds) {
  constexpr uint64_t kSize = 10000;
  const Permutation order(kSize, 1);
  const Permutation other(kSize, 2);
  double covariance = 0;
  uint64_t equal = 0;
  const double mean = (kSize - 1) / 2.0;
  for (uint64_t i = 0; i < kSize; ++i) {
    covariance += (static_cast<double>(i) - mean) * (static_cast<double>(order(i)) - mean);
    equal += order(i) == other(i) ? 1 : 0;
  }
  const double variance = (static_cast<double>(kSize) * kSize - 1) / 12 * kSize;
  EXPECT_LT(std::abs(covariance / variance), 0.05);
  EXPECT_LT(equal, 10);
}

}  // namespace
}  // namespace caravan::data
