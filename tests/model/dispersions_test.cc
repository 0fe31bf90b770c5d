#include "model/dispersions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "model/metrics.h"

namespace caravan::model {
namespace {

std::vector<GraphTask> Tasks(uint32_t samples) {
  GraphTask counted{.name = "clicks"};
  counted.by_dispersion = true;
  counted.dispersion_samples = samples;
  GraphTask binary{.name = "any", .loss = conf::CROSS_ENTROPY};
  binary.dispersion_samples = samples;
  return {counted, binary};
}

// Five samples of two tasks; the second is not weighted.
const std::vector<float> kRates = {1, 0.5F, 2, 0.5F, 4, 0.5F, 1, 0.5F, 3, 0.5F};
const std::vector<float> kLabels = {2, 1, 2, 0, 1, 1, 0, 1, 3, 0};

double Deviance(size_t sample) { return PoissonDeviance(kRates[2 * sample], kLabels[2 * sample]); }

TEST(DispersionsTest, WithoutGroupsABatchHasOne) {
  Dispersions dispersions(Tasks(0), 5);
  ASSERT_TRUE(dispersions.needed());
  dispersions.Find(kRates, kLabels, {});
  double mean = 0;
  for (size_t sample = 0; sample < 5; ++sample) mean += Deviance(sample) / 5;
  for (size_t sample = 0; sample < 5; ++sample) {
    EXPECT_FLOAT_EQ(dispersions.factors()[2 * sample], static_cast<float>(1 / mean));
    EXPECT_EQ(dispersions.factors()[2 * sample + 1], 1);
  }
  EXPECT_NEAR(dispersions.loss(0), std::log(mean) / 2, 1e-12);
}

// Five samples in groups of about two: {0, 1}, {2, 3} and {4}, the last predicted exactly.
TEST(DispersionsTest, EachGroupHasItsOwn) {
  Dispersions dispersions(Tasks(2), 8);
  const std::vector<uint32_t> order = {4, 2, 0, 1, 3};
  dispersions.Find(kRates, kLabels, order);
  const double first = (Deviance(0) + Deviance(1)) / 2;
  const double second = (Deviance(2) + Deviance(3)) / 2;
  const std::vector<double> by_place = {1e-6, second, first, first, second};
  for (size_t place = 0; place < 5; ++place) {
    EXPECT_FLOAT_EQ(dispersions.factors()[2 * place], static_cast<float>(1 / by_place[place]));
  }
  EXPECT_NEAR(dispersions.loss(0),
              (2 * std::log(first) + 2 * std::log(second) + std::log(1e-6)) / 10, 1e-12);
}

TEST(DispersionsTest, NoTaskNeedsThem) {
  EXPECT_FALSE(Dispersions(std::vector<GraphTask>{{.name = "clicks"}}, 4).needed());
}

}  // namespace
}  // namespace caravan::model
