#include "model/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

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
  EXPECT_EQ(overall.cells, 2U) << "a binary task has neither NMAE nor SMAPE";
  EXPECT_EQ(overall.nmae_cells, 1U);
  EXPECT_NEAR(*overall.nmae, 1.0, 1e-7);
  EXPECT_DOUBLE_EQ(*FiguresOf(metrics.cell(1, 0)).auc, 1);
  EXPECT_FALSE(FiguresOf(metrics.cell(1, 1)).auc.has_value()) << "one class only";
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

// Against the count over all pairs.
TEST(RankingTest, AucIsTheShareOfPairsInOrder) {
  RandomStream stream(3);
  RankingCounts first;
  RankingCounts second;
  std::vector<double> positives;
  std::vector<double> negatives;
  for (int i = 0; i < 600; ++i) {
    const bool positive = i % 3 == 0;
    const double log_odds = stream.NextNormal() + (positive ? 1.2 : 0);
    const double share = 1 / (1 + std::exp(-log_odds));
    (positive ? positives : negatives).push_back(share);
    (i % 2 == 0 ? first : second).Add(share, positive);
  }
  double in_order = 0;
  for (const double positive : positives) {
    for (const double negative : negatives) in_order += positive > negative ? 1 : 0;
  }
  const double pairs = static_cast<double>(positives.size() * negatives.size());
  first.Merge(second);
  EXPECT_NEAR(*first.Auc(), in_order / pairs, 2e-3);
  EXPECT_GT(*first.Auc(), 0.7);
}

TEST(RankingTest, ChanceIsAHalfAndExtremesHaveAPlace) {
  RankingCounts counts;
  for (const bool positive : {true, false}) {
    for (const double share : {0.0, 0.5, 1.0}) counts.Add(share, positive);
  }
  EXPECT_DOUBLE_EQ(*counts.Auc(), 0.5);
  EXPECT_FALSE(RankingCounts().Auc().has_value());
}

}  // namespace
}  // namespace caravan::model
