#include "data/world/label_law.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace caravan::data {
namespace {

TEST(LabelLawTest, ASumIsAPoissonNumberOfTheRatesSum) {
  const std::vector<double> rates = {0.5, 0, 1.25, 0.25};
  const LabelLaw law = LawOf(conf::SUM, rates);
  EXPECT_DOUBLE_EQ(law.mean, 2);
  EXPECT_EQ(law.median, 2);
}

// Against all 2^7 ways of being active, and against all other predictions.
TEST(LabelLawTest, ActiveDaysAreASumOfUnequalDays) {
  const std::vector<double> rates = {0.1, 2, 0, 0.7, 1.5, 0.05, 3};
  std::vector<double> chances(rates.size() + 1, 0);
  for (int way = 0; way < 128; ++way) {
    double chance = 1;
    int days = 0;
    for (size_t day = 0; day < rates.size(); ++day) {
      const bool active = (way >> day & 1) != 0;
      chance *= active ? 1 - std::exp(-rates[day]) : std::exp(-rates[day]);
      days += active ? 1 : 0;
    }
    chances[days] += chance;
  }
  const auto error_of = [&](double prediction) {
    double error = 0;
    for (size_t days = 0; days < chances.size(); ++days) {
      error += chances[days] * std::abs(prediction - static_cast<double>(days));
    }
    return error;
  };
  const LabelLaw law = LawOf(conf::DAYS_NONZERO, rates);
  double mean = 0;
  for (size_t days = 0; days < chances.size(); ++days) {
    mean += chances[days] * static_cast<double>(days);
  }
  EXPECT_NEAR(law.mean, mean, 1e-12);
  for (double other = 0; other <= 7; other += 0.25) {
    EXPECT_LE(error_of(law.median), error_of(other) + 1e-12) << other;
  }
}

TEST(LabelLawTest, AnythingAtAllIsALabelOfZeroOrOne) {
  const LabelLaw seldom = LawOf(conf::ANY_NONZERO, std::vector<double>{0.1, 0.2});
  EXPECT_NEAR(seldom.mean, 1 - std::exp(-0.3), 1e-12);
  EXPECT_EQ(seldom.median, 0);
  EXPECT_EQ(LawOf(conf::ANY_NONZERO, std::vector<double>{0.5, 0.2}).median, 1);
}

TEST(LabelLawTest, WhoIsGoneHasNoLabel) {
  const std::vector<double> none(7, 0);
  for (const conf::Aggregate aggregate : {conf::SUM, conf::DAYS_NONZERO, conf::ANY_NONZERO}) {
    EXPECT_EQ(LawOf(aggregate, none).mean, 0);
    EXPECT_EQ(LawOf(aggregate, none).median, 0);
  }
}

}  // namespace
}  // namespace caravan::data
