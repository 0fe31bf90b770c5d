#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace caravan {
namespace {

TEST(RandomStreamTest, NormalHasZeroMeanAndUnitVariance) {
  RandomStream stream(7);
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.NextNormal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.02);
  EXPECT_NEAR(squares / kDraws, 1, 0.03);
}

TEST(RandomStreamTest, AStreamIsNamedByItsLabels) {
  EXPECT_NE(RandomStream(1, 2, 3).NextBits(), RandomStream(1, 3, 2).NextBits());
  EXPECT_EQ(RandomStream(1, 2, 3).NextBits(), RandomStream(1, 2, 3).NextBits());
}

TEST(RandomStreamTest, NextBelowStaysBelowAndReachesAll) {
  RandomStream stream(3);
  std::vector<int> seen(10);
  for (int i = 0; i < 1000; ++i) ++seen.at(stream.NextBelow(10));
  for (int count : seen) EXPECT_GT(count, 50);
}

TEST(ShuffleTest, IsAPermutationThatFollowsFromItsSeed) {
  std::vector<int> values(100);
  std::iota(values.begin(), values.end(), 0);
  std::vector<int> other = values;
  std::vector<int> again = values;
  const std::vector<int> sorted = values;
  Shuffle(values, RandomStream(1, 2));
  Shuffle(again, RandomStream(1, 2));
  Shuffle(other, RandomStream(1, 3));
  EXPECT_EQ(values, again);
  EXPECT_NE(values, other);
  EXPECT_NE(values, sorted);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, sorted);
}

}  // namespace
}  // namespace caravan
