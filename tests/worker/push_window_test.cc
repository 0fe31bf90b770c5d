#include "worker/push_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/lane_cluster.h"
#include "worker/lane_gradients.h"
#include "worker/ps_client.h"

namespace caravan::worker {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kLanes = 3;
constexpr uint32_t kWindow = 4;

class PushWindowTest : public ::testing::Test {
 protected:
  PushWindowTest() : model_(SmallModel()), cluster_(model_, kLanes) {}

  void Start(const Faults& faults = {}) {
    cluster_.Start(faults);
    client_ = cluster_.Connect();
    window_ = std::make_unique<PushWindow>(client_.get(), kWindow, Millis{5000});
  }

  BatchPush MakePush(uint32_t block, uint32_t batch) {
    LaneSplit split;
    SplitByLane(cluster_.map(), TableKeys{{batch, batch + 7, batch + 20}, {block}}, split);
    BatchGradients gradients;
    gradients.rows = {std::vector<float>(6, 1.0F), std::vector<float>(3, 1.0F)};
    gradients.dense.assign(cluster_.map().dense_floats(), 0.0F);
    BatchPush push;
    push.tag.set_epoch(1);
    push.tag.set_block(block);
    push.tag.set_batch(batch);
    push.tag.set_samples(10);
    EXPECT_TRUE(FillPush(cluster_.map(), model_, split, gradients, 3, push).ok());
    return push;
  }

  // Every lane applied batches 0 to batches - 1 of the block, each once, in order.
  void ExpectAppliedOnce(uint32_t block, uint32_t batches) {
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      std::vector<uint32_t> applied;
      for (const net::BatchTag& tag : cluster_.lane(lane).applied) {
        if (tag.block() == block) applied.push_back(tag.batch());
      }
      ASSERT_EQ(applied.size(), batches) << "lane " << lane;
      for (uint32_t i = 0; i < batches; ++i) EXPECT_EQ(applied[i], i);
      EXPECT_EQ(cluster_.lane(lane).error, "");
    }
  }

  const conf::ModelSpec model_;
  LaneCluster cluster_;
  std::unique_ptr<net::RequestClient> client_;
  std::unique_ptr<PushWindow> window_;
};

TEST_F(PushWindowTest, EveryLaneGetsEveryPush) {
  Start();
  for (uint32_t batch = 0; batch < 10; ++batch) {
    ASSERT_TRUE(window_->Push(MakePush(0, batch)).ok());
    EXPECT_LE(window_->pushed() - window_->acknowledged(), kWindow);
  }
  ASSERT_TRUE(window_->AwaitAcknowledged(window_->pushed()).ok());
  EXPECT_EQ(window_->acknowledged(), 10U);
  cluster_.Stop();
  ExpectAppliedOnce(0, 10);
  double gradient_sum = 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) gradient_sum += cluster_.lane(lane).gradient_sum;
  EXPECT_EQ(gradient_sum, 10 * 9.0);
}

TEST_F(PushWindowTest, ExactlyOnceThroughABadNetwork) {
  uint32_t faults_made = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    LaneCluster cluster(model_, kLanes);
    cluster.Start(
        {.seed = seed * 100, .lost_requests = 60, .lost_answers = 60, .twice = 60, .late = 60});
    const auto client = cluster.Connect();
    PushWindow window(client.get(), kWindow, Millis{5000});
    for (uint32_t block = 0; block < 3; ++block) {
      for (uint32_t batch = 0; batch < 12; ++batch) {
        ASSERT_EQ(window.Push(MakePush(block, batch)), absl::OkStatus());
      }
    }
    ASSERT_EQ(window.AwaitAcknowledged(window.pushed()), absl::OkStatus());
    cluster.Stop();
    faults_made += cluster.faults_made();
    double gradient_sum = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      EXPECT_EQ(cluster.lane(lane).applied.size(), 36U);
      EXPECT_EQ(cluster.lane(lane).error, "");
      gradient_sum += cluster.lane(lane).gradient_sum;
    }
    EXPECT_EQ(gradient_sum, 36 * 9.0) << "seed " << seed;
  }
  EXPECT_GT(faults_made, 100U);
}

TEST_F(PushWindowTest, ALaneThatForgetsKeyListsIsSentThem) {
  for (uint32_t lane = 0; lane < kLanes; ++lane) cluster_.lane(lane).forgets_key_lists = true;
  Start();
  for (uint32_t batch = 0; batch < 10; ++batch) {
    ASSERT_TRUE(window_->Push(MakePush(0, batch)).ok());
  }
  ASSERT_TRUE(window_->AwaitAcknowledged(window_->pushed()).ok());
  cluster_.Stop();
  ExpectAppliedOnce(0, 10);
}

TEST_F(PushWindowTest, ATakeoverGoesOnFromTheMarkAndAppliesNothingTwice) {
  // Another worker left block 4 with 3 batches on lane 0, 5 on lane 1, 3 on lane 2.
  const uint32_t left[kLanes] = {3, 5, 3};
  for (uint32_t lane = 0; lane < kLanes; ++lane) cluster_.lane(lane).marks[{1, 4}] = left[lane];
  Start();
  PsClient ps_client(client_.get(), &cluster_.map(), Millis{5000});
  const uint32_t mark = *ps_client.Mark(1, 4);
  EXPECT_EQ(mark, 3U);
  for (uint32_t batch = mark; batch < 8; ++batch) {
    ASSERT_TRUE(window_->Push(MakePush(4, batch)).ok());
  }
  ASSERT_TRUE(window_->AwaitAcknowledged(window_->pushed()).ok());
  cluster_.Stop();
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    EXPECT_EQ((cluster_.lane(lane).marks[{1, 4}]), 8U);
    EXPECT_EQ(cluster_.lane(lane).applied.size(), 8 - left[lane]);
  }
}

TEST_F(PushWindowTest, ABatchThatIsGoneEndsTheBlock) {
  Start();  // marks are 0: batch 5 cannot be applied, and batch 0 is not in the window
  absl::Status status = window_->Push(MakePush(0, 5));
  if (status.ok()) status = window_->AwaitAcknowledged(window_->pushed());
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("expects batch 0"));
}

TEST_F(PushWindowTest, CountsStaleness) {
  Start();
  const uint32_t lane = [&] {
    uint32_t first = 0;
    while (cluster_.map().LaneChunks(first).empty()) ++first;
    return first;
  }();
  for (uint32_t batch = 0; batch < 3; ++batch) {
    BatchPush push = MakePush(0, batch);
    push.version_lane = lane;
    push.pulled_version = 1;  // all pulled before the first push
    ASSERT_TRUE(window_->Push(std::move(push)).ok());
  }
  ASSERT_TRUE(window_->AwaitAcknowledged(window_->pushed()).ok());
  EXPECT_EQ(window_->staleness_sum(), 0U + 1U + 2U);
}

TEST_F(PushWindowTest, CancelWakesAWaiter) {
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    cluster_.lane(lane).not_ready_answers = 1'000'000;
  }
  Start();
  ASSERT_TRUE(window_->Push(MakePush(0, 0)).ok());
  std::thread canceller([&] { client_->Cancel(); });
  EXPECT_EQ(window_->AwaitAcknowledged(1).code(), absl::StatusCode::kCancelled);
  canceller.join();
}

}  // namespace
}  // namespace caravan::worker
