#include "launch/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "launch/report/svg_chart.h"
#include "tests/launch/small_run.h"

namespace caravan::launch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RunRecord SmallRecord() {
  RunRecord record;
  record.starts = 2;
  record.ended_well = true;
  record.progress = {{.seconds = 1, .batches_done = 10, .samples_per_s = 900, .loss = 0.9},
                     {.seconds = 2, .batches_done = 20, .samples_per_s = 1000, .loss = 0.7}};
  record.epochs = {{.epoch = 0, .ledger_expected = 500, .ledger = {500, 500}},
                   {.epoch = 1, .ledger_expected = 500, .ledger = {500, 499}}};
  const scheduler::Evaluation evaluation = SmallEvaluation("test");
  record.evaluations = {{.split = "test",
                         .epoch = 1,
                         .table = MakeScoreTable(SmallRun().schema(), evaluation.cells)}};
  return record;
}

TEST(ReportTest, HoldsScoresCurvesAndLedger) {
  const std::string html = ReportHtml(SmallRun(), SmallRecord());
  EXPECT_THAT(html, HasSubstr("<h2>Scores on test after epoch 2</h2>"));
  EXPECT_THAT(html, HasSubstr("<td>0.5000</td><td>0.2500</td>"));
  EXPECT_THAT(html, HasSubstr("NMAE 0.5000, SMAPE 0.2500. 1 cells"));
  EXPECT_THAT(html, HasSubstr("Scenario &lt;A&gt;"));
  EXPECT_THAT(html, HasSubstr("<td>500</td><td>500</td><td>500</td><td>yes</td>"));
  EXPECT_THAT(html, HasSubstr("<td>499</td><td>500</td><td>500</td><td>no</td>"));
  EXPECT_THAT(html, HasSubstr("Resumed 1 times."));
  EXPECT_THAT(html, HasSubstr("batch_size: 256"));
}

TEST(ReportTest, StandsAlone) {
  const std::string html = ReportHtml(SmallRun(), SmallRecord());
  for (const char* outside : {"http:", "https:", "<script", "<link", "<img", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
}

TEST(ReportTest, AnEmptyRecordGivesAPage) {
  const std::string html = ReportHtml(SmallRun(), RunRecord());
  EXPECT_THAT(html, HasSubstr("nothing recorded"));
  EXPECT_THAT(html, HasSubstr("</html>"));
}

TEST(SvgChartTest, StaysInItsFrame) {
  const std::string svg = ChartSvg({"<t>", "x", {{"a", {{0, 5}, {1, 5}, {2, 5}}, true}}, false});
  EXPECT_THAT(svg, HasSubstr("&lt;t&gt;"));
  EXPECT_THAT(svg, HasSubstr("d=\"M58.0 118.0L283.0 118.0L508.0 118.0\""));
}

TEST(SvgChartTest, LeavesOutWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const std::string svg =
      ChartSvg({"t", "x", {{"a", {{0, 1}, {1, nan}, {2, infinity}, {3, 2}}, false}}, false});
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(SvgChartTest, ThousandsOfPointsAreThinned) {
  ChartLine line{.name = "a", .points = {}};
  for (int i = 0; i < 100000; ++i) line.points.emplace_back(i, i % 7);
  EXPECT_LT(ChartSvg({"t", "x", {line}, false}).size(), 20000u);
}

}  // namespace
}  // namespace caravan::launch
