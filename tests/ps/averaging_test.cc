// training.weight_averaging: what is evaluated and exported are averages over the updates, whether
// lanes or a checkpoint are asked; what is trained is not touched by it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lane_fixture.h"
#include "ps/checkpoint_reader.h"

namespace caravan::ps {
namespace {

using Rows = std::map<std::pair<uint32_t, uint64_t>, std::vector<float>>;
using ::testing::HasSubstr;

constexpr double kEta = 2;
constexpr uint32_t kBatches = 6;

conf::RunSpec AveragingSpec() {
  conf::RunSpec spec = SmallSpec();
  spec.mutable_job()->mutable_training()->mutable_weight_averaging()->set_eta(kEta);
  return spec;
}

Lanes::Keys TrainedKeys() { return {{3, 5, 8, 130}, {1, 2, 99}}; }
Lanes::Keys AllKeys() {
  Lanes::Keys keys = TrainedKeys();
  keys[0].push_back(uint64_t{1} << 50);  // gets no row
  return keys;
}

void Push(Lanes& lanes, uint32_t batch) {
  for (const net::Reply& reply : lanes.Push(TrainedKeys(), Tag(0, 0, batch))) {
    ASSERT_EQ(reply.push().outcome(), net::PushReply::APPLIED) << reply.message();
  }
}

void Blend(uint32_t step, const std::vector<float>& weights, std::vector<double>& averages) {
  averages.resize(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    averages[i] += (kEta + 1) / (step + kEta) * (double{weights[i]} - averages[i]);
  }
}

void ExpectNear(const std::vector<float>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-5);
}

class AveragingTest : public ::testing::Test {
 protected:
  AveragingTest() : lanes_(folder_, AveragingSpec(), 3) {
    for (uint32_t batch = 0; batch < kBatches; ++batch) Push(lanes_, batch);
    weights_ = lanes_.Pull(AllKeys(), &dense_);
    averages_ = lanes_.Pull(AllKeys(), &dense_averages_, /*averages=*/true);
  }

  const TestFolder folder_;
  Lanes lanes_;
  Rows weights_;
  Rows averages_;
  std::vector<float> dense_;
  std::vector<float> dense_averages_;
};

TEST_F(AveragingTest, LanesAverageWhatTheyServedAfterEachUpdate) {
  const TestFolder folder;
  Lanes plain(folder, SmallSpec(), 3);
  std::map<std::pair<uint32_t, uint64_t>, std::vector<double>> expected;
  std::vector<double> expected_dense;
  std::vector<float> dense;
  Rows weights;
  for (uint32_t batch = 0; batch < kBatches; ++batch) {
    Push(plain, batch);
    weights = plain.Pull(AllKeys(), &dense);
    for (const auto& [key, row] : weights) Blend(batch + 1, row, expected[key]);
    Blend(batch + 1, dense, expected_dense);
  }
  EXPECT_EQ(weights_, weights) << "training is the same with and without";
  EXPECT_EQ(dense_, dense);
  for (const auto& [key, row] : expected) ExpectNear(averages_.at(key), row);
  ExpectNear(dense_averages_, expected_dense);
  EXPECT_NE(dense_averages_, dense_);
  // No row: its first values, either way.
  EXPECT_EQ(averages_.at({0, uint64_t{1} << 50}), weights_.at({0, uint64_t{1} << 50}));
}

TEST_F(AveragingTest, ACheckpointHasBothAndGivesThemToOtherLanes) {
  const std::string directory = folder_.Make("checkpoint");
  const conf::Manifest manifest = lanes_.Save(directory);
  const Lanes::Keys keys = AllKeys();
  for (const auto part : {storage::RowPart::kWeights, storage::RowPart::kAverages}) {
    const bool wants_averages = part == storage::RowPart::kAverages;
    auto reader = CheckpointReader::Open(directory, AveragingSpec().model(), 3, part);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(*(*reader)->Dense(), wants_averages ? dense_averages_ : dense_);
    for (uint32_t table = 0; table < 2; ++table) {
      std::vector<float> rows;
      ASSERT_TRUE((*reader)->Rows(TableId{table}, keys[table], rows).ok());
      std::vector<float> served;
      for (const uint64_t key : keys[table]) {
        const std::vector<float>& row = (wants_averages ? averages_ : weights_).at({table, key});
        served.insert(served.end(), row.begin(), row.end());
      }
      EXPECT_EQ(rows, served) << "table " << table << (wants_averages ? ", averages" : "");
    }
  }
  Lanes restored(folder_, AveragingSpec(), 5, directory, manifest);
  Push(lanes_, kBatches);
  Push(restored, kBatches);
  std::vector<float> dense;
  EXPECT_EQ(restored.Pull(AllKeys(), &dense, /*averages=*/true),
            lanes_.Pull(AllKeys(), &dense_averages_, /*averages=*/true));
  EXPECT_EQ(dense, dense_averages_);
}

TEST(AveragingOffTest, IsRefusedByName) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  const net::Reply reply =
      ReplyOf(lanes.lane(0).HandleNow(lanes.PullMessage(0, AllKeys(), /*averages=*/true)));
  EXPECT_EQ(reply.code(), net::INVALID);
  EXPECT_THAT(reply.message(), HasSubstr("training.weight_averaging"));
  // Nor are slots taken for averages where a checkpoint has too few of them.
  EXPECT_TRUE(absl::IsDataLoss(
      storage::ParseRowPart(std::string(12 + 16, '\0'), 4, storage::RowPart::kAverages).status()));
}

}  // namespace
}  // namespace caravan::ps
