#include "worker/ps_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/lane_cluster.h"

namespace caravan::worker {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kLanes = 3;

TableKeys KeysFrom(uint64_t first) {
  TableKeys keys(2);
  for (uint64_t key = first; key < first + 60; ++key) keys[0].push_back(key);
  keys[1] = {first * 3, first * 3 + 1, first * 3 + 5};
  return keys;
}

void ExpectRows(const TableKeys& keys, const Parameters& parameters) {
  for (uint32_t table = 0; table < 2; ++table) {
    const size_t width = table + 2;
    ASSERT_EQ(parameters.rows[table].size(), keys[table].size() * width);
    for (size_t i = 0; i < parameters.rows[table].size(); ++i) {
      ASSERT_EQ(parameters.rows[table][i], RowValue(table, keys[table][i / width]));
    }
  }
}

class PsClientTest : public ::testing::Test {
 protected:
  PsClientTest() : cluster_(SmallModel(), kLanes) {}
  void Start(const Faults& faults = {}) {
    cluster_.Start(faults);
    client_ = cluster_.Connect();
    ps_client_ = std::make_unique<PsClient>(client_.get(), &cluster_.map(), Millis{5000});
  }
  uint64_t KeysReceived() {
    uint64_t keys = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) keys += cluster_.lane(lane).keys_received;
    return keys;
  }

  LaneCluster cluster_;
  std::unique_ptr<net::RequestClient> client_;
  std::unique_ptr<PsClient> ps_client_;
  Parameters parameters_;
};

TEST_F(PsClientTest, PullsRowsAndDenseFromAllLanes) {
  Start();
  const TableKeys keys = KeysFrom(10);
  ASSERT_TRUE(ps_client_->Pull(keys, parameters_).ok());
  ExpectRows(keys, parameters_);
  EXPECT_EQ(parameters_.dense, std::vector<float>(20'005, 1.0F));
  cluster_.Stop();
  for (uint32_t lane = 0; lane < kLanes; ++lane) EXPECT_EQ(cluster_.lane(lane).error, "");
}

TEST_F(PsClientTest, DenseThatDidNotChangeIsNotSentAgain) {
  Start();
  ASSERT_TRUE(ps_client_->Pull(KeysFrom(10), parameters_).ok());
  const uint64_t before = client_->bytes_received();
  ASSERT_TRUE(ps_client_->Pull(KeysFrom(11), parameters_).ok());
  EXPECT_LT(client_->bytes_received() - before, 2000U);
  // Other parameters hold nothing yet and get everything.
  Parameters others;
  ASSERT_TRUE(ps_client_->Pull(KeysFrom(11), others).ok());
  EXPECT_EQ(others.dense, parameters_.dense);
}

TEST_F(PsClientTest, DenseIsSentAgainWhereAveragesAreWantedInstead) {
  Start();
  ASSERT_TRUE(ps_client_->Pull(KeysFrom(10), parameters_).ok());
  for (const bool wanted : {true, false}) {
    parameters_.SetAverages(wanted);
    const uint64_t before = client_->bytes_received();
    ASSERT_TRUE(ps_client_->Pull(KeysFrom(10), parameters_).ok());
    EXPECT_GT(client_->bytes_received() - before, parameters_.dense.size() * sizeof(float));
    parameters_.SetAverages(wanted);  // no change
    const uint64_t after = client_->bytes_received();
    ASSERT_TRUE(ps_client_->Pull(KeysFrom(10), parameters_).ok());
    EXPECT_LT(client_->bytes_received() - after, 2000U);
  }
}

TEST_F(PsClientTest, AKeyListGoesOnce) {
  Start();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(ps_client_->Pull(KeysFrom(10), parameters_).ok());
  cluster_.Stop();
  EXPECT_EQ(KeysReceived(), 63U);
}

TEST_F(PsClientTest, ALaneThatForgotAKeyListIsSentItAgain) {
  for (uint32_t lane = 0; lane < kLanes; ++lane) cluster_.lane(lane).forgets_key_lists = true;
  Start();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(ps_client_->Pull(KeysFrom(10), parameters_).ok());
    ExpectRows(KeysFrom(10), parameters_);
  }
  cluster_.Stop();
  EXPECT_GT(KeysReceived(), 63U);
}

TEST_F(PsClientTest, WaitsForALaneThatStarts) {
  cluster_.lane(1).not_ready_answers = 3;
  Start();
  ASSERT_TRUE(ps_client_->Pull(KeysFrom(10), parameters_).ok());
  ExpectRows(KeysFrom(10), parameters_);
}

TEST_F(PsClientTest, GivesUpOnALaneThatNeverStarts) {
  cluster_.lane(1).not_ready_answers = 1'000'000;
  cluster_.Start({});
  client_ = cluster_.Connect();
  PsClient impatient(client_.get(), &cluster_.map(), Millis{120});
  const absl::Status status = impatient.Pull(KeysFrom(10), parameters_);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("lane 1"));
}

TEST_F(PsClientTest, PullsThroughABadNetwork) {
  Start({.seed = 5, .lost_requests = 100, .lost_answers = 100, .twice = 100, .late = 100});
  for (uint64_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(ps_client_->Pull(KeysFrom(i), parameters_).ok());
    ExpectRows(KeysFrom(i), parameters_);
  }
  cluster_.Stop();
  EXPECT_GT(cluster_.faults_made(), 10U);
}

TEST_F(PsClientTest, MarkIsTheLowestOfAllLanes) {
  cluster_.lane(0).marks[{2, 9}] = 5;
  cluster_.lane(1).marks[{2, 9}] = 3;
  cluster_.lane(2).marks[{2, 9}] = 4;
  cluster_.lane(2).not_ready_answers = 1;
  Start();
  EXPECT_EQ(*ps_client_->Mark(2, 9), 3U);
  EXPECT_EQ(*ps_client_->Mark(1, 9), 0U);
}

}  // namespace
}  // namespace caravan::worker
