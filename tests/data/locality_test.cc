#include "data/locality.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/block_plan.h"
#include "data/sample_reader.h"
#include "tests/data/small_world.h"

namespace caravan::data {
namespace {

// Two scenarios, three entities of which two have the same profile; a sample a series.
SampleFile SmallFile() {
  SampleFile file;
  file.scenario_ids = {{4, 5}};
  file.profile_ids = {{7, 8, 7}, {1, 1, 1}};
  file.series_entity = {0, 1, 2, 0, 1, 2};
  file.series_scenario = {0, 0, 0, 1, 1, 1};
  file.series_sample_end = {2, 3, 5, 6, 8, 9};
  return file;
}

TEST(LocalityTest, EqualAttributesComeTogetherInTheirOrder) {
  const SampleFile file = SmallFile();
  // By series: 0 0 1 2 2 3 4 4 5; series 0 and 2, and 3 and 5, agree in all attributes.
  const std::vector<uint32_t> shuffled = {5, 3, 8, 0, 6, 4, 2, 7, 1};
  const std::set<std::vector<uint32_t>> groups = {{3, 0, 4, 1}, {2}, {5, 8}, {6, 7}};
  bool other_order = false;
  for (uint64_t seed = 1; seed < 9; ++seed) {
    std::vector<uint32_t> samples = shuffled;
    GroupByAttributes(file, seed, samples);
    size_t at = 0;
    std::set<std::vector<uint32_t>> found;
    while (at < samples.size()) {
      const auto group = std::ranges::find_if(groups, [&](const auto& g) {
        return g.front() == samples[at] && at + g.size() <= samples.size();
      });
      ASSERT_NE(group, groups.end()) << at;
      found.insert({samples.begin() + at, samples.begin() + at + group->size()});
      at += group->size();
    }
    EXPECT_EQ(found, groups);
    std::vector<uint32_t> again = shuffled;
    GroupByAttributes(file, seed, again);
    EXPECT_EQ(again, samples);
    other_order = other_order || samples.front() != 3;
  }
  EXPECT_TRUE(other_order) << "the order of groups follows from the seed";
}

class BatchLocalityTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<ImportReport> report = world_.Import(kSampleFileBytes);
    ASSERT_TRUE(report.ok()) << report.status();
    schema_ = report->schema;
  }
  conf::BlockPlan Plan(bool locality) const {
    conf::BlockPlan plan;
    plan.set_batch_size(4);
    plan.set_block_batches(6);
    plan.set_locality(locality);
    return plan;
  }
  SmallWorld world_;
  conf::Schema schema_;
};

TEST_F(BatchLocalityTest, BlocksKeepTheirSamplesAndBatchesHaveFewerDistinctRows) {
  const auto open = [&] { return SampleReader::Open(world_.out(), schema_, "train"); };
  auto plain = open();
  auto grouped = open();
  ASSERT_TRUE(plain.ok() && grouped.ok()) << plain.status();
  const auto blocks = static_cast<uint32_t>(Blocks(Plan(false), schema_.splits(0)).size());
  ASSERT_EQ(schema_.splits(0).name(), "train");
  using Sample = std::tuple<uint32_t, uint32_t, int32_t>;
  for (uint32_t block = 0; block < blocks; ++block) {
    std::multiset<Sample> samples[2];
    for (const bool locality : {false, true}) {
      SampleReader& reader = locality ? **grouped : **plain;
      Batch batch;
      SampleReader::Request request{.seed = 3, .epoch = 2, .block = block, .batch = 0};
      while (reader.Read(Plan(locality), request, batch).ok()) {
        for (uint32_t i = 0; i < batch.size; ++i) {
          samples[locality ? 1 : 0].emplace(batch.entities[i], batch.scenarios[i],
                                            batch.anchor_days[i]);
        }
        ++request.batch;
      }
    }
    EXPECT_EQ(samples[0], samples[1]) << block;
    EXPECT_FALSE(samples[0].empty());
  }
  const auto without = CountDistinctRows(world_.out(), schema_, "train", Plan(false));
  const auto with = CountDistinctRows(world_.out(), schema_, "train", Plan(true));
  ASSERT_TRUE(without.ok() && with.ok()) << without.status() << with.status();
  EXPECT_GT(without->batches, 0U);
  EXPECT_EQ(with->batches, without->batches);
  EXPECT_LT(with->mean, without->mean);
  EXPECT_LE(without->most, 4U);
  EXPECT_GE(with->least, 1U);
  EXPECT_EQ(CountDistinctRows(world_.out(), schema_, "nowhere", Plan(false)).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace caravan::data
