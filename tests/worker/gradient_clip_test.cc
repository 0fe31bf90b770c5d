#include "worker/gradient_clip.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::worker {
namespace {

using ::testing::ElementsAre;

TEST(ClipGradient, CutsBothSides) {
  const std::vector<float> gradient = {-7, -3, -0.5F, 0, 2.999F, 3, 1e30F};
  std::vector<float> clipped(gradient.size());
  EXPECT_TRUE(ClipGradient(gradient, 3, clipped));
  EXPECT_THAT(clipped, ElementsAre(-3, -3, -0.5F, 0, 2.999F, 3, 3));
}

TEST(ClipGradient, ZeroLimitCopies) {
  const std::vector<float> gradient = {-1e30F, 5, std::numeric_limits<float>::max()};
  std::vector<float> clipped(gradient.size());
  EXPECT_TRUE(ClipGradient(gradient, 0, clipped));
  EXPECT_EQ(clipped, gradient);
}

TEST(ClipGradient, SeesEveryBadValueWhereverItIs) {
  const float bad_values[] = {
      std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
      std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  for (const float bad : bad_values) {
    for (size_t place = 0; place < 37; ++place) {
      std::vector<float> gradient(37, 1.0F);
      std::vector<float> clipped(37);
      gradient[place] = bad;
      EXPECT_FALSE(ClipGradient(gradient, 3, clipped)) << bad << " at " << place;
      EXPECT_FALSE(ClipGradient(gradient, 0, clipped)) << bad << " at " << place;
      EXPECT_EQ(FirstNotFinite(gradient), place);
    }
  }
  EXPECT_EQ(FirstNotFinite(std::vector<float>(5, 1.0F)), 5U);
}

}  // namespace
}  // namespace caravan::worker
