#include "worker/push_order.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Millis kPatience{1000};

class PushOrderTest : public ::testing::Test {
 protected:
  void Begin(uint32_t batch) {
    BatchPush push;
    push.tag.set_epoch(0);
    push.tag.set_block(4);
    push.tag.set_batch(batch);
    push.lanes.resize(2);
    for (LanePush& lane : push.lanes) lane.keys = net::Frame("12345678", 8);
    order_.Begin(std::move(push));
  }
  // "push@lane", with a k where the keys go along.
  std::vector<std::string> Sent(Millis now) {
    std::vector<std::string> sent;
    for (const PushOrder::Request& request : order_.TakeRequests(now)) {
      sent.push_back(fmt::format("{}@{}{}", request.push, request.request.lane,
                                 request.request.frames[0].size() > 0 ? "k" : ""));
    }
    return sent;
  }
  absl::Status Take(uint64_t push, uint32_t lane, net::PushReply::Outcome outcome,
                    uint32_t expected = 0) {
    net::Reply reply;
    reply.set_code(net::OK);
    reply.mutable_push()->set_outcome(outcome);
    reply.mutable_push()->set_expected(expected);
    return order_.Take(push, lane, reply, Millis{0});
  }
  absl::Status Take(uint64_t push, uint32_t lane, net::Code code, Millis now) {
    net::Reply reply;
    reply.set_code(code);
    return order_.Take(push, lane, reply, now);
  }

  PushOrder order_{kPatience};
};

TEST_F(PushOrderTest, APushIsAcknowledgedOnceAllLanesHaveIt) {
  Begin(0);
  EXPECT_THAT(Sent(Millis{0}), ElementsAre("1@0", "1@1"));
  EXPECT_THAT(Sent(Millis{0}), IsEmpty());
  ASSERT_TRUE(Take(1, 0, net::PushReply::APPLIED).ok());
  EXPECT_EQ(order_.acknowledged(), 0U);
  ASSERT_TRUE(Take(1, 1, net::PushReply::ALREADY_APPLIED).ok());
  EXPECT_EQ(order_.acknowledged(), 1U);
}

TEST_F(PushOrderTest, WhatIsBehindALostBatchIsSentAgainInOrder) {
  for (uint32_t batch = 0; batch < 3; ++batch) Begin(batch);
  Sent(Millis{0});
  ASSERT_TRUE(Take(3, 1, net::PushReply::OUT_OF_ORDER, 1).ok());
  EXPECT_THAT(Sent(Millis{0}), ElementsAre("2@1", "3@1"));
}

TEST_F(PushOrderTest, ALaneThatDoesNotKnowTheKeysGetsThem) {
  Begin(0);
  Begin(1);
  Sent(Millis{0});
  ASSERT_TRUE(Take(1, 0, net::UNKNOWN_KEYS, Millis{0}).ok());
  EXPECT_THAT(Sent(Millis{0}), ElementsAre("1@0k", "2@0"));
  EXPECT_TRUE(absl::IsNotFound(Take(1, 0, net::UNKNOWN_KEYS, Millis{0})));
}

TEST_F(PushOrderTest, ALaneThatCannotYetIsLeftAloneForAWhile) {
  for (const net::Code code : {net::NOT_READY, net::FAILED}) {
    Begin(0);
    Sent(Millis{0});
    const uint64_t push = order_.pushed();
    ASSERT_TRUE(Take(push, 0, code, Millis{10}).ok());
    EXPECT_EQ(order_.next_due(), Millis{10} + kNotReadyPause);
    Begin(1);
    EXPECT_THAT(Sent(Millis{20}), ElementsAre(fmt::format("{}@1", push + 1)));
    EXPECT_THAT(Sent(Millis{60}),
                ElementsAre(fmt::format("{}@0", push), fmt::format("{}@0", push + 1)));
    for (uint64_t number = push; number <= push + 1; ++number) {
      for (uint32_t lane = 0; lane < 2; ++lane) {
        ASSERT_TRUE(Take(number, lane, net::PushReply::APPLIED).ok());
      }
    }
    EXPECT_EQ(order_.acknowledged(), push + 1);
  }
}

TEST_F(PushOrderTest, PatienceEnds) {
  Begin(0);
  Sent(Millis{0});
  ASSERT_TRUE(Take(1, 0, net::NOT_READY, Millis{0}).ok());
  Sent(Millis{999});
  ASSERT_TRUE(Take(1, 0, net::NOT_READY, Millis{999}).ok());
  const absl::Status ended = Take(1, 0, net::NOT_READY, kPatience);
  EXPECT_TRUE(absl::IsUnavailable(ended));
  EXPECT_THAT(std::string(ended.message()), HasSubstr("epoch 0 block 4 batch 0 to lane 0"));
}

TEST_F(PushOrderTest, PatienceBeginsAnewWhenTheLaneHasAnswered) {
  Begin(0);
  Begin(1);
  Sent(Millis{0});
  ASSERT_TRUE(Take(1, 0, net::NOT_READY, Millis{0}).ok());
  Sent(Millis{900});
  ASSERT_TRUE(Take(1, 0, net::PushReply::APPLIED).ok());
  EXPECT_TRUE(Take(2, 0, net::NOT_READY, Millis{1500}).ok());
}

TEST_F(PushOrderTest, ALaneThatLostWhatItHadAcknowledgedAbortsTheBlock) {
  Begin(0);
  Begin(1);
  Sent(Millis{0});
  ASSERT_TRUE(Take(1, 0, net::PushReply::APPLIED).ok());
  // Once may be a refusal that is older than the acknowledgement.
  ASSERT_TRUE(Take(2, 0, net::PushReply::OUT_OF_ORDER, 0).ok());
  EXPECT_THAT(Sent(Millis{0}), ElementsAre("2@0"));
  const absl::Status lost = Take(2, 0, net::PushReply::OUT_OF_ORDER, 0);
  EXPECT_TRUE(absl::IsAborted(lost));
  EXPECT_THAT(std::string(lost.message()), HasSubstr("expects batch 0"));
}

}  // namespace
}  // namespace caravan::worker
