// What compare says of models: means and spreads, gains, the paired bootstrap, yardsticks.
#include "launch/compare/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "launch/compare/comparison_report.h"
#include "launch/compare/comparison_text.h"

namespace caravan::launch {
namespace {

using testing::HasSubstr;

conf::Schema TwoByTwo() {
  conf::Schema schema;
  for (const char* task : {"clicks", "cost"}) schema.add_tasks()->set_name(task);
  for (const char* scenario : {"A", "B"}) schema.add_scenarios(scenario);
  return schema;
}

// 40 entities; each prediction is `factor` times the label and some noise.
ScoredModel Model(const std::string& name, double factor, std::vector<uint64_t> seeds) {
  ScoredModel model{.name = name};
  for (const uint64_t seed : seeds) {
    RandomStream noise(seed);
    EntityScores scores(2, 2);
    for (uint32_t entity = 0; entity < 40; ++entity) {
      for (uint32_t cell = 0; cell < 4; ++cell) {
        const double label = 10 + entity;
        scores.Add(entity, cell / 2, cell % 2, label * factor + 0.1 * noise.NextNormal(), label);
      }
    }
    model.seeds.push_back(std::move(scores));
  }
  return model;
}

TEST(EntityScoresTest, OverallIsTheMeanOfTheCells) {
  EntityScores scores(1, 2);
  scores.Add(0, 0, 0, 3, 2);  // NMAE 1/6 with the next, SMAPE 0.4 and 0
  scores.Add(1, 0, 0, 4, 4);
  scores.Add(0, 0, 1, 0, 2);  // NMAE 1, SMAPE 2
  EXPECT_NEAR(scores.Overall().nmae, (1.0 / 6 + 1) / 2, 1e-12);
  EXPECT_NEAR(scores.Overall().smape, (0.2 + 2) / 2, 1e-12);
  const std::vector<uint32_t> twice = {0, 2};
  EXPECT_NEAR(scores.Overall(twice).nmae, 0, 1e-12) << "only the second entity is drawn";
}

TEST(EntityScoresTest, NothingPredictedAndNothingThereIsNoError) {
  EntityScores scores(1, 1);
  scores.Add(0, 0, 0, 0, 0);
  EXPECT_EQ(scores.Overall().smape, 0);
}

TEST(ComparisonTest, TellsADifferenceFromChance) {
  const auto comparison = Compare(
      TwoByTwo(), "job", "test",
      {Model("m2m", 1.02, {1, 2, 3}), Model("cgc", 1.1, {4, 5, 6}), Model("twin", 1.02, {7, 8, 9})},
      40);
  EXPECT_EQ(comparison.reference, "m2m");
  ASSERT_EQ(comparison.models.size(), 3U);
  EXPECT_FALSE(comparison.models[0].difference.has_value());
  const PairedDifference& worse = *comparison.models[1].difference;
  EXPECT_NEAR(worse.mean, 0.08, 0.01);
  EXPECT_GT(worse.low, 0);
  EXPECT_LE(worse.chance, 0.05);
  const PairedDifference& same = *comparison.models[2].difference;
  EXPECT_LT(same.low, same.mean);
  EXPECT_GT(same.high, same.mean);
  EXPECT_NEAR(same.mean, 0, 0.002);
}

TEST(ComparisonTest, FiguresOfOtherSamplesAreNotCompared) {
  ScoredModel fewer{.name = "fewer"};
  fewer.seeds.emplace_back(2, 2).Add(0, 0, 0, 2, 2);
  const auto comparison = Compare(TwoByTwo(), "job", "test",
                                  {Model("m2m", 1.02, {1}), fewer, Model("cgc", 1.1, {2})}, 40);
  EXPECT_FALSE(comparison.models[1].same_samples);
  EXPECT_FALSE(comparison.models[1].difference.has_value());
  EXPECT_TRUE(comparison.models[2].difference.has_value());
  EXPECT_EQ(comparison.BestBaseline()->name, "cgc");
  EXPECT_EQ(comparison.BestNmae(), comparison.models[0].nmae.mean);
  EXPECT_THAT(ComparisonText(comparison), HasSubstr("not scored on the test samples of m2m"));
  EXPECT_THAT(ComparisonHtml(comparison, ""), HasSubstr("not scored on the test samples of m2m"));
  EXPECT_FALSE(nlohmann::json::parse(ComparisonJson(comparison))["models"][1]["same_samples"]);
}

TEST(ComparisonTest, MarksWhatAYardstickBeats) {
  ScoredModel yardstick = Model("last days", 1.05, {9});
  yardstick.trained = false;
  const auto comparison = Compare(TwoByTwo(), "job", "test",
                                  {Model("m2m", 1.02, {1}), Model("cgc", 1.1, {2}), yardstick}, 40);
  EXPECT_TRUE(comparison.models[0].beats_yardsticks);
  EXPECT_FALSE(comparison.models[1].beats_yardsticks);
  EXPECT_EQ(comparison.BestBaseline()->name, "cgc") << "a yardstick is no baseline";
  const std::string text = ComparisonText(comparison);
  EXPECT_THAT(text, HasSubstr("better than cgc"));
  EXPECT_THAT(text, HasSubstr("BEHIND A YARDSTICK"));
}

TEST(ComparisonTest, AnOracleIsShownAndIsNoYardstick) {
  ScoredModel oracle = Model(kOracleMedian, 1.0, {9});
  oracle.trained = false;
  oracle.oracle = true;
  const auto comparison =
      Compare(TwoByTwo(), "job", "test", {Model("m2m", 1.02, {1}), std::move(oracle)}, 40);
  EXPECT_TRUE(comparison.models[0].beats_yardsticks);
  EXPECT_EQ(comparison.BestNmae(), comparison.models[0].nmae.mean) << "the best of the models";
  EXPECT_THAT(ComparisonText(comparison), HasSubstr("oracle: the median of each label's"));
  EXPECT_THAT(ComparisonHtml(comparison, ""), HasSubstr("oracle: the median of each label"));
  const auto json = nlohmann::json::parse(ComparisonJson(comparison));
  EXPECT_FALSE(json["models"][0]["oracle"]);
  EXPECT_TRUE(json["models"][1]["oracle"]);
}

TEST(ComparisonTest, JsonAndCsvHoldEveryCell) {
  const auto comparison = Compare(TwoByTwo(), "job", "test",
                                  {Model("m2m", 1.02, {1, 2}), Model("cgc", 1.1, {3, 4})}, 40);
  const auto json = nlohmann::json::parse(ComparisonJson(comparison));
  ASSERT_EQ(json["models"].size(), 2U);
  EXPECT_EQ(json["models"][1]["cells"].size(), 4U);
  EXPECT_EQ(json["models"][0]["cells"][3]["samples"], 40);
  EXPECT_NEAR(json["models"][1]["overall"]["nmae"], 0.1, 0.01);
  EXPECT_GT(json["models"][1]["difference"]["low"], 0);
  const std::string csv = ComparisonCsv(comparison);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * (1 + 4));
}

TEST(ComparisonTest, BinaryTasksHaveTheirOwnFigures) {
  // "clicks" is a count, "cost" a class; the first model ranks all pairs right, the second none.
  std::vector<ScoredModel> scored;
  for (const double sign : {1.0, -1.0}) {
    ScoredModel& model = scored.emplace_back();
    model.name = sign > 0 ? "right" : "wrong";
    EntityScores& scores = model.seeds.emplace_back(2, 2);
    for (uint32_t entity = 0; entity < 10; ++entity) {
      scores.Add(entity, 0, 0, 1, 2);
      const bool positive = entity >= 5;
      scores.AddBinary(1, 0, 0.5 + (positive ? 0.25 : -0.25) * sign, positive ? 1 : 0);
    }
  }
  const auto comparison = Compare(TwoByTwo(), "job", "test", scored, 10);
  const ComparedCell& right = comparison.models[0].cells[2];
  EXPECT_DOUBLE_EQ(right.auc->mean, 1);
  EXPECT_NEAR(right.log_loss->mean, -std::log(0.75), 1e-9);
  EXPECT_FALSE(right.nmae.has_value());
  EXPECT_FALSE(comparison.models[0].cells[0].auc.has_value());
  EXPECT_FALSE(comparison.models[0].cells[0].log_loss.has_value());
  EXPECT_DOUBLE_EQ(comparison.models[1].cells[2].auc->mean, 0);
  EXPECT_NEAR(comparison.models[0].nmae.mean, 0.5, 1e-9) << "binary tasks have no part in it";
  EXPECT_THAT(ComparisonText(comparison), HasSubstr("\nAUC"));
  EXPECT_THAT(ComparisonText(comparison), HasSubstr("cost\n  right"));
  EXPECT_THAT(ComparisonHtml(comparison, ""), HasSubstr("cost (AUC, log loss)"));
  EXPECT_THAT(ComparisonHtml(comparison, ""), HasSubstr("<b>1.0000</b>"));
  EXPECT_THAT(ComparisonCsv(comparison), HasSubstr("\"right\",\"cost\",\"A\",,,,,10,1.000000"));
  const auto json = nlohmann::json::parse(ComparisonJson(comparison));
  EXPECT_EQ(json["models"][1]["cells"][2]["auc"], 0);
  EXPECT_TRUE(json["models"][1]["cells"][2]["nmae"].is_null());
}

TEST(ComparisonTest, WhoHasNoneOfAFigureHasNoRowOfIt) {
  std::vector<ScoredModel> scored;
  scored.push_back({.name = "net", .seeds = {EntityScores(2, 2)}});
  scored.push_back({.name = "yardstick", .trained = false, .seeds = {EntityScores(2, 2)}});
  for (ScoredModel& model : scored) model.seeds[0].Add(0, 0, 0, 1, 2);
  scored[0].seeds[0].AddBinary(1, 0, 0.75, 1);
  const std::string text = ComparisonText(Compare(TwoByTwo(), "job", "test", scored, 1));
  const size_t log_loss = text.find("\nlog loss");
  ASSERT_NE(log_loss, std::string::npos) << text;
  EXPECT_NE(text.find("  net", log_loss), std::string::npos);
  EXPECT_EQ(text.find("  yardstick", log_loss), std::string::npos) << text;
  EXPECT_EQ(text.find("\nAUC"), std::string::npos) << "one class has none\n" << text;
}

TEST(ComparisonTest, TheSearchIsShown) {
  auto comparison = Compare(TwoByTwo(), "job", "test", {Model("m2m", 1.02, {1})}, 40);
  EXPECT_THAT(ComparisonText(comparison), testing::Not(HasSubstr("searched")));
  EXPECT_THAT(ComparisonHtml(comparison, ""), testing::Not(HasSubstr("<h2>Search")));
  comparison.search = {
      {.model = "m2m", .point = "experts=2", .nmae = 0.2, .smape = 0.3},
      {.model = "m2m", .point = "experts=<4>", .nmae = 0.125, .smape = 0.25, .chosen = true}};
  EXPECT_THAT(ComparisonText(comparison), HasSubstr("experts=<4>  <- chosen"));
  EXPECT_THAT(ComparisonHtml(comparison, ""),
              HasSubstr("<td>experts=&lt;4&gt;</td><td><b>0.1250</b></td>"));
  const auto json = nlohmann::json::parse(ComparisonJson(comparison));
  EXPECT_EQ(json["search"][0]["chosen"], false);
  EXPECT_EQ(json["search"][1]["nmae"], 0.125);
}

TEST(ComparisonTest, PageSetsTheBestInBoldAndEscapes) {
  conf::Schema schema = TwoByTwo();
  schema.set_scenarios(1, "<B>");
  const auto comparison =
      Compare(schema, "job", "test", {Model("m2m", 1.02, {1, 2}), Model("cgc", 1.1, {3, 4})}, 40);
  const std::string page = ComparisonHtml(comparison, "");
  EXPECT_THAT(page, HasSubstr("<b>" + SpreadText(comparison.models[0].nmae, true) + "</b>"));
  EXPECT_THAT(page, HasSubstr("&lt;B&gt;"));
  EXPECT_THAT(page, testing::Not(HasSubstr("<svg")));
  const std::string swept = ComparisonHtml(
      Compare(schema, "job", "test",
              {Model("model.experts=2", 1.02, {1, 2}), Model("model.experts=4", 1.1, {3, 4})}, 40),
      "model.experts");
  EXPECT_THAT(swept, HasSubstr("<svg"));
}

}  // namespace
}  // namespace caravan::launch
