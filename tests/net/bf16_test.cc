#include "net/bf16.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace caravan::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A thousandth of the step beside 1 would be rounded away each time: fed back it arrives.
TEST(Bf16Test, FeedbackLosesNothing) {
  std::vector<float> residual = {0, 0};
  const std::vector<float> values = {1.0F + 1e-5F, -1e-6F};
  double sums[2] = {};
  constexpr int kCalls = 1000;
  for (int call = 0; call < kCalls; ++call) {
    uint16_t rounded[2];
    ASSERT_TRUE(RoundWithFeedback(values, residual, rounded));
    for (int i = 0; i < 2; ++i) sums[i] += FromBf16(rounded[i]);
  }
  EXPECT_NEAR(sums[0], kCalls * static_cast<double>(values[0]), 0.005);
  EXPECT_NEAR(sums[1], kCalls * static_cast<double>(values[1]), 1e-8);
  uint16_t rounded[1];
  std::vector<float> none = {0};
  EXPECT_FALSE(
      RoundWithFeedback(std::vector<float>{std::numeric_limits<float>::max()}, none, rounded));
}

TEST(Bf16Test, FrameIsRead) {
  Message message;
  message.frames.emplace_back(0);
  const uint16_t values[] = {ToBf16(1.5F), ToBf16(-3)};
  message.frames.emplace_back(values, sizeof(values));
  message.frames.emplace_back(values, 3);
  std::vector<float> storage;
  const auto floats = Bf16Frame(message, 1, storage);
  ASSERT_TRUE(floats.ok()) << floats.status();
  EXPECT_THAT(std::vector<float>(floats->begin(), floats->end()), ElementsAre(1.5F, -3.0F));
  EXPECT_THAT(std::string(Bf16Frame(message, 2, storage).status().message()),
              HasSubstr("3 bytes, which is no multiple of 2"));
  EXPECT_THAT(std::string(Bf16Frame(message, 7, storage).status().message()),
              HasSubstr("frame 7 (bf16[]) is missing"));
}

}  // namespace
}  // namespace caravan::net
