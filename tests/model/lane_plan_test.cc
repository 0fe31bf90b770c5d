#include "model/lane_plan.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace caravan::model {
namespace {

class LanePlanTest : public testing::Test {
 protected:
  void Find(const std::vector<std::vector<uint32_t>>& fields) {
    fields_.assign(fields.begin(), fields.end());
    plan_.Find(static_cast<uint32_t>(fields[0].size()), fields_);
  }

  LanePlan plan_{64};
  std::vector<std::span<const uint32_t>> fields_;
};

TEST_F(LanePlanTest, SamplesShareALaneWhereAllFieldsAgree) {
  Find({{1, 1, 2, 1, 2}, {7, 7, 7, 8, 7}});
  EXPECT_EQ(plan_.distinct(), 3U);
  const Lanes lanes = plan_.Arrange(2);
  EXPECT_EQ(lanes.count, 16U);
  ASSERT_EQ(lanes.samples.size(), 32U);
  EXPECT_EQ(lanes.samples[0], 0U);
  EXPECT_EQ(lanes.samples[16], 1U);
  EXPECT_EQ(lanes.samples[1], 2U);
  EXPECT_EQ(lanes.samples[17], 4U);
  EXPECT_EQ(lanes.samples[2], 3U);
  EXPECT_EQ(lanes.samples[18], kNoSample);
  EXPECT_EQ(lanes.first_sample(3), kNoSample);
}

TEST_F(LanePlanTest, AFullLaneIsFollowedByAnother) {
  Find({std::vector<uint32_t>(40, 5)});
  EXPECT_EQ(plan_.distinct(), 1U);
  const Lanes lanes = plan_.Arrange(3);
  for (uint32_t sample = 0; sample < 40; ++sample) {
    EXPECT_EQ(lanes.samples[sample % 3 * lanes.count + sample / 3], sample);
  }
}

// Whatever is drawn, every sample has one place, and a lane has one combination.
TEST_F(LanePlanTest, EverySampleHasOnePlace) {
  RandomStream stream(3);
  for (int round = 0; round < 100; ++round) {
    const size_t samples = 1 + stream.NextBelow(64);
    std::vector<std::vector<uint32_t>> fields(2);
    for (auto& field : fields) {
      for (size_t i = 0; i < samples; ++i) {
        field.push_back(static_cast<uint32_t>(stream.NextBelow(1 + samples / 8)));
      }
    }
    Find(fields);
    std::set<std::pair<uint32_t, uint32_t>> combinations;
    for (size_t i = 0; i < samples; ++i) combinations.insert({fields[0][i], fields[1][i]});
    EXPECT_EQ(plan_.distinct(), combinations.size());
    const size_t depth = plan_.BestDepth(256, 12);
    const Lanes lanes = plan_.Arrange(depth);
    EXPECT_EQ(lanes.count, plan_.LanesOfDepth(depth));
    EXPECT_LE(lanes.depth * lanes.stride(), LanePlan::SlotsMax(static_cast<uint32_t>(samples)));
    std::set<uint32_t> placed;
    for (size_t l = 0; l < lanes.count; ++l) {
      for (size_t q = 0; q < depth; ++q) {
        const uint32_t sample = lanes.samples[q * lanes.count + l];
        if (sample == kNoSample) continue;
        EXPECT_TRUE(placed.insert(sample).second);
        for (const auto& field : fields) EXPECT_EQ(field[sample], field[lanes.first_sample(l)]);
      }
    }
    EXPECT_EQ(placed.size(), samples);
  }
}

TEST_F(LanePlanTest, LanesAreDeeperWhereMuchIsShared) {
  std::vector<uint32_t> field(64);
  for (uint32_t i = 0; i < 64; ++i) field[i] = i % 16;
  Find({field});
  EXPECT_EQ(plan_.BestDepth(256, 12), 4U);
  EXPECT_EQ(plan_.BestDepth(0, 1), 1U) << "nothing to share";
  for (uint32_t i = 0; i < 64; ++i) field[i] = i;
  Find({field});
  EXPECT_EQ(plan_.BestDepth(256, 12), 1U);
}

TEST_F(LanePlanTest, OneLaneASample) {
  Find({{4, 4, 4}});
  const Lanes lanes = plan_.OnePerSample();
  EXPECT_EQ(lanes.depth, 1U);
  for (uint32_t sample = 0; sample < 3; ++sample) EXPECT_EQ(lanes.first_sample(sample), sample);
  EXPECT_EQ(lanes.first_sample(3), kNoSample);
}

}  // namespace
}  // namespace caravan::model
