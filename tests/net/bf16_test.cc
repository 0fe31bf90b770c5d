#include "net/bf16.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace caravan::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Bf16Test, RoundsToTheNearestHalvesToEven) {
  constexpr float kStep = 1.0F / 128;  // between neighbours of 1
  for (const float exact : {0.0F, -0.0F, 1.0F, -2.5F, 1.0F + kStep, 3e38F * 0}) {
    EXPECT_EQ(FromBf16(ToBf16(exact)), exact);
  }
  EXPECT_EQ(FromBf16(ToBf16(1 + 0.4F * kStep)), 1);
  EXPECT_EQ(FromBf16(ToBf16(1 + 0.6F * kStep)), 1 + kStep);
  EXPECT_EQ(FromBf16(ToBf16(1 + 0.5F * kStep)), 1) << "even";
  EXPECT_EQ(FromBf16(ToBf16(1 + 1.5F * kStep)), 1 + 2 * kStep) << "even";
  EXPECT_EQ(FromBf16(ToBf16(-1 - 0.6F * kStep)), -1 - kStep);
}

TEST(Bf16Test, KeepsWhatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(FromBf16(ToBf16(infinity)), infinity);
  EXPECT_EQ(FromBf16(ToBf16(-infinity)), -infinity);
  EXPECT_TRUE(std::isnan(FromBf16(ToBf16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isnan(FromBf16(ToBf16(std::numeric_limits<float>::signaling_NaN()))));
  EXPECT_EQ(FromBf16(ToBf16(std::numeric_limits<float>::max())), infinity) << "rounds up";
}

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
