#include "base/bf16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace caravan {
namespace {

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

TEST(Bf16Test, ManyAreRoundedAsOne) {
  RandomStream stream(1);
  std::vector<float> values(1003);
  for (float& value : values) value = static_cast<float>(stream.NextNormal());
  values[7] = std::numeric_limits<float>::infinity();
  std::vector<uint16_t> halves(values.size());
  std::vector<float> floats(values.size());
  RoundToBf16(values, halves);
  RoundToBf16(values, floats);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(halves[i], ToBf16(values[i])) << values[i];
    EXPECT_EQ(floats[i], FromBf16(halves[i])) << values[i];
  }
}

}  // namespace
}  // namespace caravan
