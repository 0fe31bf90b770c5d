#include "launch/report/score_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "launch/predict/prediction_file.h"

namespace caravan::launch {
namespace {

using ::testing::HasSubstr;

conf::Schema TwoTasksTwoScenarios() {
  conf::Schema schema;
  schema.add_tasks()->set_name("flights");
  schema.add_tasks()->set_name("miles");
  for (const char* id : {"A", "B"}) schema.add_scenarios(id);
  for (const char* name : {"South", "West"}) schema.add_scenario_names(name);
  return schema;
}

net::CellSums Cell(uint32_t task, uint32_t scenario, uint64_t samples, double error, double label,
                   double smape) {
  net::CellSums cell;
  cell.set_task(task);
  cell.set_scenario(scenario);
  cell.set_samples(samples);
  cell.set_absolute_error(error);
  cell.set_label(label);
  cell.set_smape(smape);
  return cell;
}

// flights: NMAE 0.1 and 0.3, SMAPE 0.2 and 0.4; miles: 0.5 / 1.0, and in West no labels, SMAPE 2.
ScoreTable MakeTable() {
  const std::vector<net::CellSums> cells = {
      Cell(1, 1, 5, 3, 0, 10), Cell(0, 0, 10, 1, 10, 2), Cell(0, 1, 10, 3, 10, 4),
      Cell(1, 0, 5, 2, 5, 2),  Cell(1, 0, 5, 3, 5, 8),   Cell(7, 0, 5, 3, 5, 8)};  // no such task
  return MakeScoreTable(TwoTasksTwoScenarios(), cells);
}

TEST(ScoreTable, OverallIsThePlainMeanOverCellsThatHaveTheFigure) {
  const ScoreTable table = MakeTable();
  EXPECT_EQ(table.cell(1, 0).samples, 10U);
  EXPECT_DOUBLE_EQ(*table.cell(1, 0).figures.nmae, 0.5);
  EXPECT_FALSE(table.cell(1, 1).figures.nmae.has_value());
  EXPECT_DOUBLE_EQ(*table.overall.nmae, (0.1 + 0.3 + 0.5) / 3);
  EXPECT_DOUBLE_EQ(*table.overall.smape, (0.2 + 0.4 + 1.0 + 2.0) / 4);
}

TEST(ScoreTable, JsonHoldsEveryCell) {
  const nlohmann::json json = nlohmann::json::parse(ScoreJson(MakeTable()));
  EXPECT_DOUBLE_EQ(json["overall"]["nmae"].get<double>(), 0.3);
  EXPECT_DOUBLE_EQ(json["overall"]["smape"].get<double>(), 0.9);
  ASSERT_EQ(json["cells"].size(), 4U);
  EXPECT_EQ(json["cells"][1]["task"], "flights");
  EXPECT_EQ(json["cells"][1]["scenario"], "B");
  EXPECT_DOUBLE_EQ(json["cells"][1]["nmae"].get<double>(), 0.3);
  EXPECT_EQ(json["cells"][1]["samples"], 10);
  EXPECT_TRUE(json["cells"][3]["nmae"].is_null());
}

TEST(ScoreTable, TextHasALineATaskAndSaysWhatWasLeftOut) {
  const std::string text = ScoreText(MakeTable());
  EXPECT_THAT(text, HasSubstr("South"));
  EXPECT_THAT(text, HasSubstr("\nflights     0.1000   0.2000    0.3000   0.4000\n"));
  EXPECT_THAT(text, HasSubstr("Overall  NMAE 0.3000  SMAPE 0.9000"));
  EXPECT_THAT(text, HasSubstr("predictions are not rounded"));
  EXPECT_THAT(text, HasSubstr("leaves out 1 cells"));
}

TEST(CsvField, QuotesOnlyWhatHasToBe) {
  EXPECT_EQ(CsvField("plain text"), "plain text");
  EXPECT_EQ(CsvField("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvField("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(CsvField("two\nlines"), "\"two\nlines\"");
}

}  // namespace
}  // namespace caravan::launch
