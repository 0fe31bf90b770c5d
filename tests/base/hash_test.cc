#include "base/hash.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace caravan {
namespace {

// These values are on disk in every checkpoint: a change of one is a change of format.
TEST(FrozenHashTest, ValuesNeverChange) {
  EXPECT_EQ(MixBits(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(HashBytes(std::string_view("caravan")), HashBytes(std::string_view("caravan")));
  EXPECT_NE(FrozenHash(0, 1), FrozenHash(1, 0));
}

TEST(RandomStreamTest, NormalHasUnitVariance) {
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

TEST(RandomStreamTest, LabelsGiveOtherStreams) {
  EXPECT_NE(RandomStream(1, 2, 3).NextBits(), RandomStream(1, 3, 2).NextBits());
  EXPECT_EQ(RandomStream(1, 2, 3).NextBits(), RandomStream(1, 2, 3).NextBits());
}

}  // namespace
}  // namespace caravan
