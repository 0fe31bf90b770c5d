#include "worker/lane_split.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/bf16.h"
#include "worker/lane_gradients.h"

namespace caravan::worker {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kShards = 32;
constexpr uint32_t kLanes = 3;

// Two tables of widths 2 and 3, tensors of 40,000 and 5 floats: 4 chunks.
conf::ModelSpec MakeModel() {
  conf::ModelSpec model;
  for (const uint32_t width : {2U, 3U}) {
    conf::TableSpec& table = *model.add_tables();
    table.set_name(width == 2 ? "scenario" : "profile");
    table.set_width(width);
  }
  for (const uint64_t size : {40'000U, 5U}) {
    conf::DenseTensor& tensor = *model.add_tensors();
    tensor.set_name(size == 5 ? "small.bias" : "large.weight");
    tensor.add_dimensions(size);
  }
  return model;
}

LaneMap MakeMap(const conf::ModelSpec& model) {
  return *LaneMap::Create(model, net::ShardLanes(kShards, kLanes), kLanes);
}

TableKeys MakeKeys() {
  TableKeys keys(2);
  keys[0].resize(100);
  std::iota(keys[0].begin(), keys[0].end(), 5);
  keys[1] = {0, 7, 1'000'000'007, uint64_t{1} << 40};
  return keys;
}

TEST(LaneMap, RefusesARouteToALaneThatIsNotThere) {
  const auto map = LaneMap::Create(MakeModel(), {0, 1, 3}, 3);
  EXPECT_EQ(map.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(map.status().message()), HasSubstr("shard 2 on lane 3"));
}

TEST(LaneSplit, EachKeyGoesToItsLaneInOrder) {
  const LaneMap map = MakeMap(MakeModel());
  const TableKeys keys = MakeKeys();
  LaneSplit split;
  SplitByLane(map, TableKeys{{1, 2, 3}, {9}}, split);  // leaves something to be overwritten
  SplitByLane(map, keys, split);
  ASSERT_EQ(split.size(), kLanes);
  size_t total = 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    EXPECT_GT(split[lane].keys.size(), 10U) << "keys are spread over lanes";
    size_t key = 0;
    uint64_t floats = 0;
    for (const net::TableSpan& span : split[lane].spans) {
      for (uint32_t i = 0; i < span.keys(); ++i, ++key) {
        EXPECT_EQ(map.LaneOfRow(span.table(), split[lane].keys[key]), lane);
        EXPECT_EQ(keys[span.table()][split[lane].rows[key]], split[lane].keys[key]);
        if (i > 0) {
          EXPECT_LT(split[lane].keys[key - 1], split[lane].keys[key]);
        }
        floats += map.width(span.table());
      }
    }
    EXPECT_EQ(key, split[lane].keys.size());
    EXPECT_EQ(floats, split[lane].floats);
    EXPECT_EQ(split[lane].signature, net::KeysSignature(split[lane].keys, split[lane].spans));
    total += key;
  }
  EXPECT_EQ(total, 104U);
}

TEST(LaneSplit, GatheredRowsMergeBackToWhatTheyWere) {
  const LaneMap map = MakeMap(MakeModel());
  LaneSplit split;
  SplitByLane(map, MakeKeys(), split);
  std::vector<std::vector<float>> rows = {std::vector<float>(200), std::vector<float>(12)};
  std::iota(rows[0].begin(), rows[0].end(), 1.0F);
  std::iota(rows[1].begin(), rows[1].end(), 1000.0F);
  std::vector<std::vector<float>> merged = {std::vector<float>(200), std::vector<float>(12)};
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    std::vector<float> gathered(split[lane].floats);
    ASSERT_TRUE(GatherRows(map, split[lane], rows, gathered, [](auto row, auto place) {
      std::ranges::copy(row, place.begin());
      return true;
    }));
    ASSERT_TRUE(MergeRows(map, split[lane], gathered, merged).ok());
    gathered.pop_back();
    EXPECT_FALSE(MergeRows(map, split[lane], gathered, merged).ok());
  }
  EXPECT_EQ(merged, rows);
}

class MergeChunksTest : public ::testing::Test {
 protected:
  MergeChunksTest() : map_(MakeMap(MakeModel())) {
    parameters_.dense.resize(map_.dense_floats());
    parameters_.dense_versions.resize(map_.chunks().size());
    while (map_.LaneChunks(lane_).empty()) ++lane_;
  }
  const LaneMap map_;
  Parameters parameters_;
  uint32_t lane_ = 0;
};

TEST_F(MergeChunksTest, PutsAChunkWhereItBelongs) {
  const net::DenseChunk chunk = map_.LaneChunks(lane_).back();
  net::PullReply reply;
  reply.add_changed_chunks(Index(chunk.id));
  reply.add_changed_versions(42);
  const std::vector<float> values(chunk.size, 1.5F);
  ASSERT_TRUE(MergeChunks(map_, lane_, reply, values, parameters_).ok());
  EXPECT_EQ(parameters_.dense_versions[Index(chunk.id)], 42U);
  EXPECT_EQ(std::ranges::count(parameters_.dense, 1.5F), chunk.size);
  EXPECT_EQ(parameters_.dense[chunk.flat_offset], 1.5F);
  EXPECT_EQ(parameters_.dense[chunk.flat_offset + chunk.size - 1], 1.5F);
}

TEST_F(MergeChunksTest, RefusesWhatDoesNotFit) {
  const net::DenseChunk chunk = map_.LaneChunks(lane_).front();
  net::PullReply reply;
  reply.add_changed_chunks(Index(chunk.id));
  EXPECT_FALSE(MergeChunks(map_, lane_, reply, std::vector<float>(chunk.size), parameters_).ok())
      << "no version";
  reply.add_changed_versions(1);
  EXPECT_FALSE(
      MergeChunks(map_, lane_, reply, std::vector<float>(chunk.size - 1), parameters_).ok());
  EXPECT_FALSE(
      MergeChunks(map_, lane_, reply, std::vector<float>(chunk.size + 1), parameters_).ok());
  const uint32_t other_lane = (lane_ + 1) % kLanes;
  EXPECT_FALSE(
      MergeChunks(map_, other_lane, reply, std::vector<float>(chunk.size), parameters_).ok());
  reply.set_changed_chunks(0, 4'000'000'000U);
  EXPECT_FALSE(MergeChunks(map_, lane_, reply, std::vector<float>(chunk.size), parameters_).ok());
}

class FillPushTest : public ::testing::Test {
 protected:
  FillPushTest() : model_(MakeModel()), map_(MakeMap(model_)) {
    SplitByLane(map_, MakeKeys(), split_);
    gradients_.rows = {std::vector<float>(200, 0.5F), std::vector<float>(12, -9.0F)};
    gradients_.dense.assign(map_.dense_floats(), 4.0F);
    push_.tag.set_epoch(1);
    push_.tag.set_block(2);
    push_.tag.set_batch(3);
  }
  const conf::ModelSpec model_;
  const LaneMap map_;
  LaneSplit split_;
  BatchGradients gradients_;
  BatchPush push_;
};

TEST_F(FillPushTest, EveryGradientIsInOneLaneClipped) {
  ASSERT_TRUE(FillPush(map_, model_, split_, gradients_, 3, push_).ok());
  size_t halves = 0;
  size_t low = 0;
  size_t dense = 0;
  for (const LanePush& lane : push_.lanes) {
    const std::span<const float> rows(lane.rows.data<float>(), lane.rows.size() / 4);
    halves += static_cast<size_t>(std::ranges::count(rows, 0.5F));
    low += static_cast<size_t>(std::ranges::count(rows, -3.0F));
    const std::span<const float> chunks(lane.dense.data<float>(), lane.dense.size() / 4);
    dense += static_cast<size_t>(std::ranges::count(chunks, 3.0F));
  }
  EXPECT_EQ(halves, 200U);
  EXPECT_EQ(low, 12U);
  EXPECT_EQ(dense, 40'005U);
}

TEST_F(FillPushTest, RoundsDenseGradientsAndOwesTheRest) {
  gradients_.dense.assign(map_.dense_floats(), 1 + 1e-3F);  // between two neighbours in 16 bits
  RoundingDebt debt;
  double sum = 0;
  constexpr int kPushes = 100;
  for (int i = 0; i < kPushes; ++i) {
    ASSERT_TRUE(FillPush(map_, model_, split_, gradients_, 3, push_, &debt).ok());
    EXPECT_TRUE(push_.dense_bf16);
    size_t dense = 0;
    for (const LanePush& lane : push_.lanes) {
      const std::span<const uint16_t> chunks(lane.dense.data<uint16_t>(), lane.dense.size() / 2);
      dense += chunks.size();
      if (!chunks.empty() && dense == chunks.size()) sum += FromBf16(chunks.front());
    }
    EXPECT_EQ(dense, 40'005U);
  }
  EXPECT_NEAR(sum, kPushes * (1 + 1e-3), 0.005);
}

TEST_F(FillPushTest, NamesBatchAndRowOfANaN) {
  gradients_.rows[1][3] = std::numeric_limits<float>::quiet_NaN();  // row 1 is key 7
  const absl::Status status = FillPush(map_, model_, split_, gradients_, 3, push_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("key 7 of table profile"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("epoch 1 block 2 batch 3"));
}

TEST_F(FillPushTest, NamesTheTensorOfAnInfinity) {
  gradients_.dense[40'002] = std::numeric_limits<float>::infinity();
  const absl::Status status = FillPush(map_, model_, split_, gradients_, 3, push_);
  EXPECT_THAT(std::string(status.message()), HasSubstr("small.bias, element 2"));
}

}  // namespace
}  // namespace caravan::worker
