#include "model/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace caravan::model {
namespace {

std::vector<GraphTask> Tasks() {
  return {{"clicks", conf::POISSON, conf::EXP, 1}, {"active", conf::CROSS_ENTROPY, conf::EXP, 1}};
}

TEST(MetricsTest, FollowsTheDefinitions) {
  Metrics metrics(Tasks(), 2);
  // Samples 0 and 1 in scenario 0, sample 2 in scenario 1, whose clicks sum to 0.
  metrics.Add(std::vector<float>{3, 0.75F, 1, 0.5F, 2, 0.5F}, std::vector<float>{1, 1, 4, 0, 0, 1},
              std::vector<uint32_t>{0, 0, 1});
  const Figures clicks = FiguresOf(metrics.cell(0, 0));
  EXPECT_DOUBLE_EQ(*clicks.nmae, (2.0 + 3.0) / 5.0);
  EXPECT_DOUBLE_EQ(*clicks.smape, (2.0 / 2.0 + 3.0 / 2.5) / 2);
  EXPECT_NEAR(*clicks.loss, (3 - std::log(3.0) + 1 - 0) / 2, 1e-12);
  EXPECT_NEAR(*clicks.deviance,
              (2 * (std::log(1 / 3.0) - 1 + 3) + 2 * (4 * std::log(4.0) - 4 + 1)) / 2, 1e-12);
  EXPECT_NEAR(*FiguresOf(metrics.cell(1, 0)).loss, (-std::log(0.75) - std::log(0.5)) / 2, 1e-9);

  EXPECT_FALSE(FiguresOf(metrics.cell(0, 1)).nmae.has_value());
  EXPECT_DOUBLE_EQ(*FiguresOf(metrics.cell(0, 1)).smape, 2);
  const Overall overall = metrics.ComputeOverall();
  EXPECT_EQ(overall.cells, 4U);
  EXPECT_EQ(overall.nmae_cells, 3U);
  EXPECT_NEAR(*overall.nmae, (1.0 + 0.75 + 0.5) / 3, 1e-7);
}

TEST(MetricsTest, ZeroOverZeroCountsAsZero) {
  Metrics metrics(std::vector<GraphTask>{{"clicks", conf::POISSON, conf::EXP, 1}}, 1);
  metrics.Add(std::vector<float>{0}, std::vector<float>{0}, std::vector<uint32_t>{0});
  EXPECT_EQ(*FiguresOf(metrics.cell(0, 0)).smape, 0);
  EXPECT_EQ(*FiguresOf(metrics.cell(0, 0)).deviance, 0);
  EXPECT_FALSE(metrics.ComputeOverall().nmae.has_value());
}

TEST(MetricsTest, MergedPartsAreTheWhole) {
  const std::vector<float> predictions = {1, 0.5F, 2, 0.25F};
  const std::vector<float> labels = {2, 1, 0, 0};
  const std::vector<uint32_t> scenarios = {1, 0};
  Metrics whole(Tasks(), 2);
  whole.Add(predictions, labels, scenarios);
  Metrics first(Tasks(), 2);
  Metrics second(Tasks(), 2);
  first.Add(std::span(predictions).first(2), std::span(labels).first(2),
            std::span(scenarios).first(1));
  second.Add(std::span(predictions).last(2), std::span(labels).last(2),
             std::span(scenarios).last(1));
  first.Merge(second);
  EXPECT_EQ(*first.ComputeOverall().smape, *whole.ComputeOverall().smape);
  EXPECT_EQ(*first.ComputeOverall().nmae, *whole.ComputeOverall().nmae);
  EXPECT_EQ(first.cell(1, 1).samples, 1U);
}

}  // namespace
}  // namespace caravan::model
