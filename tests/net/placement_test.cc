#include "net/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::net {
namespace {

conf::ModelSpec TwoTensors() {
  conf::ModelSpec model;
  conf::DenseTensor* large = model.add_tensors();
  large->add_dimensions(3);
  large->add_dimensions(kChunkFloats);
  large->add_dimensions(1);
  conf::DenseTensor* small = model.add_tensors();
  small->add_dimensions(5);
  return model;
}

TEST(PlacementTest, ChunksCoverTheFlatVectorWithoutGaps) {
  conf::ModelSpec model = TwoTensors();
  model.mutable_tensors(0)->set_dimensions(2, 2);
  model.add_tensors()->add_dimensions(kChunkFloats + 7);
  const std::vector<DenseChunk> chunks = DenseChunks(model, 64);
  uint64_t next = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(Index(chunks[i].id), i);
    EXPECT_EQ(chunks[i].flat_offset, next);
    EXPECT_GT(chunks[i].size, 0);
    EXPECT_LE(chunks[i].size, kChunkFloats);
    EXPECT_LT(Index(chunks[i].shard), 64);
    next += chunks[i].size;
  }
  EXPECT_EQ(next, DenseFloats(model));
  EXPECT_EQ(chunks.size(), 6 + 1 + 2);
  EXPECT_EQ(chunks.back().tensor, 2);
  EXPECT_EQ(chunks.back().tensor_offset, kChunkFloats);
  EXPECT_EQ(chunks.back().size, 7);
}

TEST(PlacementTest, ATensorWithoutElementsHasNoChunks) {
  conf::ModelSpec model;
  model.add_tensors()->add_dimensions(0);
  EXPECT_TRUE(DenseChunks(model, 8).empty());
  EXPECT_EQ(DenseFloats(model), 0);
}

// Where a row or chunk lives is on disk in every checkpoint.
TEST(PlacementTest, ShardsNeverChange) {
  EXPECT_EQ(Index(ShardOfRow(TableId{0}, 0, 256)), 111);
  EXPECT_EQ(Index(ShardOfRow(TableId{3}, 123456789, 256)), 5);
  EXPECT_EQ(Index(DenseChunks(TwoTensors(), 256)[3].shard), 245);
}

TEST(PlacementTest, LanesShareShardsEvenly) {
  EXPECT_THAT(ShardLanes(7, 3), testing::ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

}  // namespace
}  // namespace caravan::net
