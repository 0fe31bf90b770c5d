#include "data/world/poisson.h"

#include <gtest/gtest.h>

#include <cmath>

namespace caravan::data {
namespace {

double ChanceUpTo(double rate, int count) {
  double chance = 0;
  for (int k = 0; k <= count; ++k)
    chance += std::exp(k * std::log(rate) - rate - std::lgamma(k + 1));
  return chance;
}

TEST(PoissonTest, MeanVarianceAndDistributionAreRight) {
  constexpr int kDraws = 20000;
  for (const double rate : {0.05, 0.3, 3.0, 9.99, 10.0, 42.0, 5000.0, 1e7}) {
    RandomStream stream(7, static_cast<uint64_t>(rate * 100));
    double sum = 0;
    double squares = 0;
    int up_to_rate = 0;
    for (int i = 0; i < kDraws; ++i) {
      const auto count = static_cast<double>(DrawPoisson(rate, stream));
      sum += count - rate;
      squares += (count - rate) * (count - rate);
      up_to_rate += count <= std::floor(rate) ? 1 : 0;
    }
    EXPECT_NEAR(sum / kDraws, 0, 5 * std::sqrt(rate / kDraws)) << rate;
    // The fourth central moment is 3 rate^2 + rate.
    EXPECT_NEAR(squares / kDraws, rate, 5 * std::sqrt((2 * rate * rate + rate) / kDraws)) << rate;
    if (rate > 1000) continue;
    const double chance = ChanceUpTo(rate, static_cast<int>(rate));
    EXPECT_NEAR(up_to_rate, kDraws * chance, 5 * std::sqrt(kDraws * chance * (1 - chance))) << rate;
  }
}

TEST(PoissonTest, NothingHappensAtRateZero) {
  RandomStream stream(1);
  EXPECT_EQ(DrawPoisson(0, stream), 0U);
  EXPECT_EQ(PoissonMedian(0), 0U);
}

TEST(PoissonTest, TheMedianIsTheFirstCountWithHalfOfTheChance) {
  for (double rate = 0.01; rate < 60; rate += 0.07) {
    int median = 0;
    while (ChanceUpTo(rate, median) < 0.5) ++median;
    EXPECT_EQ(PoissonMedian(rate), static_cast<uint64_t>(median)) << rate;
  }
  EXPECT_NEAR(static_cast<double>(PoissonMedian(123456.7)), 123456.7, 1);
}

}  // namespace
}  // namespace caravan::data
