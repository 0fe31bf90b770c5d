#include "data/dense_features.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data/sample_rule.h"

namespace caravan::data {
namespace {

using testing::ElementsAre;

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

conf::Data Data(const std::string& text) {
  conf::Data data;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &data));
  return data;
}

TEST(DenseFeaturesTest, WindowsAreCutToTheHistoryAndCountedOnce) {
  EXPECT_THAT(DenseWindows(Data("history_days: 40")), ElementsAre(7, 28));
  EXPECT_THAT(DenseWindows(Data("history_days: 5")), ElementsAre(5));
  EXPECT_THAT(DenseWindows(Data("history_days: 20 dense_windows: [28, 3, 20]")),
              ElementsAre(3, 20));
  EXPECT_TRUE(DenseWindows(Data("dense_features: false")).empty());
}

TEST(DenseFeaturesTest, NamesThereAndBack) {
  const absl::StatusOr<DenseFeature> feature =
      ParseDenseName(DenseName({.field = "performance.total_2", .days = 28}));
  ASSERT_TRUE(feature.ok()) << feature.status();
  EXPECT_EQ(feature->field, "performance.total_2");
  EXPECT_EQ(feature->statistic, DenseStatistic::kTotal);
  EXPECT_EQ(feature->days, 28);
  const absl::StatusOr<DenseFeature> count = ParseDenseName(DenseName(
      {.field = "behaviour.visits", .statistic = DenseStatistic::kDaysNonzero, .days = 7}));
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(count->field, "behaviour.visits");
  EXPECT_EQ(count->statistic, DenseStatistic::kDaysNonzero);
  EXPECT_EQ(count->days, 7);
  for (const char* bad : {"", "performance.flights", "x.total_", "x.total_0", "x.total_7x",
                          "x.nonzero_", "x.days_7"}) {
    EXPECT_FALSE(ParseDenseName(bad).ok()) << bad;
  }
}

TEST(DenseFeaturesTest, SumsOfMissingAndNegativeValues) {
  EXPECT_EQ(DenseSum(DenseStatistic::kTotal, std::vector<float>{1, kMissing, 2}), 3);
  EXPECT_EQ(DenseSum(DenseStatistic::kDaysNonzero, std::vector<float>{5, kMissing, 0, -2}), 2);
  EXPECT_FLOAT_EQ(DenseValue(7), std::log(8.0F));
  EXPECT_FLOAT_EQ(DenseValue(-7), -std::log(8.0F));
  EXPECT_EQ(DenseValue(0), 0);
}

constexpr const char* kRule = R"(
  performance_columns: "clicks" tasks { name: "clicks" }
  tasks { name: "days" column: "clicks" aggregate: DAYS_NONZERO }
  tasks { name: "any" column: "clicks" aggregate: ANY_NONZERO }
  history_days: 3 horizon_days: 2 min_active_days: 2
)";

TEST(SampleRuleTest, AnchorsAndLabelsOfASeriesWithAMissingCell) {
  const conf::Data data = Data(kRule);
  const absl::StatusOr<DailyLayout> layout = MakeDailyLayout(data);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->columns.size(), 1);
  const SampleRule rule = *SampleRule::Make(data, *layout, {});
  const Series series = {.entity = 0,
                         .scenario = 0,
                         .columns = 1,
                         .days = {10, 11, 13, 14, 20},
                         .values = {5, 1, kMissing, 2, 7}};
  std::vector<int32_t> anchors;
  rule.Anchors(series, {.name = "train", .first_anchor = 9, .last_anchor = 30}, anchors);
  // Days 10 and 11 are active; the missing cell of day 13 is not.
  EXPECT_THAT(anchors, ElementsAre(11, 12));
  float labels[3];
  rule.Labels(series, 12, labels);
  EXPECT_THAT(labels, ElementsAre(2, 1, 1));
  rule.Labels(series, 15, labels);
  EXPECT_THAT(labels, ElementsAre(0, 0, 0));
}

// The same samples whatever the history is.
TEST(SampleRuleTest, ActiveDaysAreCountedInAWindowOfTheirOwn) {
  conf::Data data = Data(kRule);
  data.set_active_window_days(5);
  const Series series = {.entity = 0,
                         .scenario = 0,
                         .columns = 1,
                         .days = {10, 11, 13, 14, 20},
                         .values = {5, 1, kMissing, 2, 7}};
  for (const uint32_t history : {1U, 3U, 9U}) {
    data.set_history_days(history);
    const SampleRule rule = *SampleRule::Make(data, MakeDailyLayout(data).value(), {});
    std::vector<int32_t> anchors;
    rule.Anchors(series, {.name = "train", .first_anchor = 9, .last_anchor = 30}, anchors);
    EXPECT_THAT(anchors, ElementsAre(11, 12, 13, 14, 15)) << history;
  }
}

TEST(SampleRuleTest, WithoutAMinimumEveryDayOfASeriesIsAnAnchor) {
  conf::Data data = Data(kRule);
  data.set_min_active_days(0);
  const SampleRule rule = *SampleRule::Make(data, MakeDailyLayout(data).value(), {});
  const Series series = {.entity = 0, .scenario = 0, .columns = 1, .days = {100}, .values = {1}};
  std::vector<int32_t> anchors;
  rule.Anchors(series, {.name = "train", .first_anchor = 9, .last_anchor = 12}, anchors);
  EXPECT_THAT(anchors, ElementsAre(9, 10, 11, 12));
}

}  // namespace
}  // namespace caravan::data
