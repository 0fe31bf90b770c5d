#include "model/arena_plan.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace caravan::model {
namespace {

TEST(ArenaPlanTest, BlocksThatDoNotMeetShareMemory) {
  ArenaPlan plan;
  EXPECT_EQ(plan.AddLasting(10), 0U);
  const size_t early = plan.AddBlock(32, 0, 1);
  const size_t late = plan.AddBlock(32, 2, 3);
  const size_t across = plan.AddBlock(16, 1, 2);
  plan.PlaceBlocks();
  EXPECT_EQ(plan.block_offset(early), 16U);
  EXPECT_EQ(plan.block_offset(late), 16U);
  EXPECT_EQ(plan.block_offset(across), 48U);
  EXPECT_EQ(plan.elements(), 64U);
}

TEST(ArenaPlanTest, BlocksThatMeetNeverOverlap) {
  RandomStream stream(3);
  for (int round = 0; round < 50; ++round) {
    struct Expected {
      uint64_t elements;
      size_t first;
      size_t last;
    };
    ArenaPlan plan;
    std::vector<Expected> blocks;
    for (int i = 0; i < 20; ++i) {
      const size_t first = stream.NextBelow(10);
      blocks.push_back({1 + stream.NextBelow(100), first, first + stream.NextBelow(5)});
      plan.AddBlock(blocks.back().elements, blocks.back().first, blocks.back().last);
    }
    plan.PlaceBlocks();
    for (size_t a = 0; a < blocks.size(); ++a) {
      EXPECT_LE(plan.block_offset(a) + blocks[a].elements, plan.elements());
      for (size_t b = 0; b < a; ++b) {
        const bool meet = blocks[a].first <= blocks[b].last && blocks[b].first <= blocks[a].last;
        const bool overlap = plan.block_offset(a) < plan.block_offset(b) + blocks[b].elements &&
                             plan.block_offset(b) < plan.block_offset(a) + blocks[a].elements;
        EXPECT_FALSE(meet && overlap);
      }
    }
  }
}

}  // namespace
}  // namespace caravan::model
