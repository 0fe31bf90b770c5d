#include "data/import.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <string>

#include "base/file.h"
#include "data/dense_features.h"
#include "data/inspect.h"
#include "data/sample_file_builder.h"
#include "data/schema_file.h"
#include "data/split_visitor.h"
#include "tests/data/small_world.h"

namespace caravan::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Replaces the first `from` in `text`.
void Replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

void ExpectError(const SmallWorld& world, absl::StatusCode code, const std::string& what) {
  const absl::StatusOr<ImportReport> report = world.Import();
  EXPECT_EQ(report.status().code(), code) << report.status();
  EXPECT_THAT(std::string(report.status().message()), HasSubstr(what));
  EXPECT_EQ(LoadSchema(world.out()).status().code(), absl::StatusCode::kNotFound);
}

TEST(ImportTest, ReportsAndSchemaSayWhatWasThere) {
  SmallWorld world;
  const absl::StatusOr<ImportReport> report = world.Import();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->entities, 30);
  EXPECT_EQ(report->without_profile, 0);
  EXPECT_EQ(report->last_day - report->first_day, 59);
  const conf::Schema& schema = report->schema;
  EXPECT_EQ(schema.scenario_names(1), "Beta");
  EXPECT_EQ(schema.fields(0).name(), "scenario.id");
  EXPECT_EQ(schema.fields(1).first_key(), schema.fields(0).values());
  EXPECT_EQ(schema.fields(2).first_key(), 0);
  EXPECT_THAT(schema.dense_names(),
              testing::ElementsAre("behaviour.visits.total_3", "performance.clicks.total_3",
                                   "performance.cost.total_3", "performance.clicks.nonzero_3"));
  EXPECT_FALSE(std::filesystem::exists(world.out() + "/spill"));
  const absl::StatusOr<conf::Schema> inspected = InspectImportedFolder(world.out());
  ASSERT_TRUE(inspected.ok()) << inspected.status();
  EXPECT_EQ(inspected->SerializeAsString(), schema.SerializeAsString());
}

TEST(ImportTest, MeansOfLabelsAreThoseOfTheTrainingSamples) {
  const SmallWorld world;
  const absl::StatusOr<ImportReport> report = world.Import();
  ASSERT_TRUE(report.ok()) << report.status();
  const conf::Schema& schema = report->schema;
  const auto tasks = static_cast<size_t>(schema.tasks_size());
  const auto scenarios = static_cast<size_t>(schema.scenarios_size());
  std::vector<double> sums(tasks * scenarios);
  std::vector<double> samples(scenarios);
  ASSERT_TRUE(
      VisitSplit(world.out(), schema, "train", 64, [&](const Batch& batch, const SampleReader&) {
        for (size_t b = 0; b < batch.size; ++b) {
          samples[batch.scenarios[b]] += 1;
          for (size_t t = 0; t < tasks; ++t) {
            sums[t * scenarios + batch.scenarios[b]] += batch.labels[b * tasks + t];
          }
        }
        return absl::OkStatus();
      }).ok());
  const double all = std::accumulate(samples.begin(), samples.end(), 0.0);
  ASSERT_GT(all, 0);
  for (size_t t = 0; t < tasks; ++t) {
    const conf::TaskSchema& task = schema.tasks(static_cast<int>(t));
    ASSERT_EQ(task.scenario_means_size(), schema.scenarios_size());
    double sum = 0;
    for (size_t s = 0; s < scenarios; ++s) {
      sum += sums[t * scenarios + s];
      EXPECT_NEAR(task.scenario_means(static_cast<int>(s)), sums[t * scenarios + s] / samples[s],
                  1e-9)
          << task.name() << " in " << schema.scenarios(static_cast<int>(s));
    }
    EXPECT_NEAR(task.training_mean(), sum / all, 1e-9) << task.name();
  }
}

TEST(ImportTest, TheSameTablesGiveTheSameBytes) {
  SmallWorld world;
  ASSERT_TRUE(world.Import(4000).ok());
  const std::string schema = ReadFile(SchemaPath(world.out())).value();
  ASSERT_TRUE(world.Import(4000).ok());
  EXPECT_EQ(ReadFile(SchemaPath(world.out())).value(), schema);
}

// What happens behind the last training anchor teaches nothing: neither bounds nor categories.
TEST(ImportTest, BucketsAreLearnedOnTrainingDaysOnly) {
  SmallWorld world;
  const absl::StatusOr<ImportReport> before = world.Import();
  ASSERT_TRUE(before.ok());
  // Training anchors end on 2020-02-12 (10 days of history, 34 anchors).
  ASSERT_EQ(before->schema.splits(0).last_anchor(), "2020-02-12");
  std::string changed;
  for (size_t at = 0; at < world.daily.size();) {
    const size_t end = world.daily.find('\n', at);
    std::string line = world.daily.substr(at, end - at);
    if (line[0] == '2' && line > "2020-02-16") line = line.substr(0, line.rfind(',')) + ",77777";
    changed += line + "\n";
    at = end + 1;
  }
  world.daily = changed + "2020-02-29,late,A,1,1,1\n";
  world.entities += "late,Nowhere,1\n";
  const absl::StatusOr<ImportReport> after = world.Import();
  ASSERT_TRUE(after.ok()) << after.status();
  for (int i = 0; i < before->schema.fields_size(); ++i) {
    EXPECT_EQ(after->schema.fields(i).SerializeAsString(),
              before->schema.fields(i).SerializeAsString());
  }
}

TEST(ImportTest, AnEntityWithoutProfileIsCountedAndKept) {
  SmallWorld world;
  Replace(world.entities, "e3,", "somebody,");
  const absl::StatusOr<ImportReport> report = world.Import();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->without_profile, 1);
  EXPECT_EQ(report->entities, 31);
}

TEST(ImportTest, EmptyCellsAreMissingValues) {
  SmallWorld world;
  const size_t line = world.daily.find("\n2020-02-01");
  const size_t end = world.daily.find('\n', line + 1);
  world.daily.replace(line, end - line, "\n2020-02-01,e0,A,,,");
  const absl::StatusOr<ImportReport> report = world.Import();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->missing_cells, 3);
}

TEST(ImportTest, MissingFileAndColumnAreNamed) {
  {
    SmallWorld world;
    world.job.mutable_data()->set_daily_file("none.csv");
    ExpectError(world, absl::StatusCode::kNotFound, "none.csv");
  }
  {
    SmallWorld world;
    world.job.mutable_data()->add_performance_columns("clics");
    ExpectError(world, absl::StatusCode::kNotFound, "daily.csv: no column 'clics'");
  }
  {
    SmallWorld world;
    world.job.mutable_data()->add_profile_columns("town");
    ExpectError(world, absl::StatusCode::kNotFound, "entities.csv: no column 'town'");
  }
  {
    SmallWorld world;
    world.job.mutable_data()->set_entities_file("");
    ExpectError(world, absl::StatusCode::kInvalidArgument, "data.entities_file is empty");
  }
  {
    SmallWorld world;
    world.job.mutable_data()->add_performance_columns("cost");
    ExpectError(world, absl::StatusCode::kInvalidArgument, "names 'cost' twice");
  }
}

TEST(ImportTest, BadRowsAreNamedByLineAndColumn) {
  const struct {
    std::string row;
    std::string what;
  } cases[] = {
      {"2020-13-01,e0,A,1,1,1", "column 'date': '2020-13-01'"},
      {"2020-02-29,e0,A,1,x,1", "column 'cost': 'x' is no finite number"},
      {"2020-02-29,e0,A,1,nan,1", "column 'cost': 'nan' is no finite number"},
      {"2020-02-29,e0,A,inf,1,1", "column 'clicks': 'inf' is no finite number"},
      {"2020-02-29,e0,C,1,1,1",
       "column 'scenario': unknown scenario 'C'; the scenarios file has A, B"},
      {"2020-02-29,,A,1,1,1", "column 'entity': is empty"},
      {"2020-02-28,e0,A,1,1,1",
       "column 'date': 2020-02-28 comes behind 2020-02-29; the daily file must be sorted"},
      {"2020-02-29,e0,A,1,1", "5 fields where the header has 6"},
  };
  for (const auto& bad : cases) {
    SmallWorld world;
    const auto lines = std::count(world.daily.begin(), world.daily.end(), '\n');
    world.daily += bad.row + "\n";
    ExpectError(world, absl::StatusCode::kInvalidArgument,
                fmt::format("daily.csv:{}: {}", lines + 1, bad.what));
  }
}

TEST(ImportTest, ASecondRowForTheSameDayIsAnError) {
  SmallWorld world;
  world.daily += "2020-02-29,twice,A,1,1,1\n2020-02-29,twice,B,1,1,1\n2020-02-29,twice,A,1,1,1\n";
  ExpectError(world, absl::StatusCode::kInvalidArgument,
              "a second row for date 2020-02-29, entity 'twice', scenario 'A'");
}

TEST(ImportTest, DoubledKeysOfSmallTablesAreErrors) {
  SmallWorld world;
  world.scenarios += "A,Again,1\n";
  ExpectError(world, absl::StatusCode::kInvalidArgument,
              "scenarios.csv:4: column 'scenario': 'A' comes twice");
  SmallWorld other;
  other.entities += "e0,x,1\n";
  ExpectError(other, absl::StatusCode::kInvalidArgument, "column 'entity': 'e0' comes twice");
}

TEST(ImportTest, AShareOfAScenariosTrainingSamplesIsHeldOut) {
  SmallWorld world;
  const conf::Schema all = world.Import()->schema;
  uint64_t before = 0;
  for (const double fraction : {0.0, 0.3, 0.6, 1.0}) {
    world.job.mutable_data()->mutable_hold_out()->set_scenario("B");
    world.job.mutable_data()->mutable_hold_out()->set_keep_fraction(fraction);
    const absl::StatusOr<ImportReport> report = world.Import();
    ASSERT_TRUE(report.ok()) << report.status();
    const conf::SplitSchema& train = report->schema.splits(0);
    const uint64_t whole = all.splits(0).scenario_samples(1);
    ASSERT_GT(whole, 100U);
    EXPECT_EQ(train.scenario_samples(0), all.splits(0).scenario_samples(0));
    EXPECT_NEAR(static_cast<double>(train.scenario_samples(1)), fraction * whole, 0.1 * whole);
    EXPECT_GE(train.scenario_samples(1), before);
    before = train.scenario_samples(1);
    for (int split = 1; split < 3; ++split) {
      EXPECT_EQ(report->schema.splits(split).scenario_samples(1),
                all.splits(split).scenario_samples(1));
    }
    EXPECT_TRUE(InspectImportedFolder(world.out()).ok());
  }
  EXPECT_EQ(before, all.splits(0).scenario_samples(1));
  SmallWorld other;
  other.job.mutable_data()->mutable_hold_out()->set_scenario("C");
  ExpectError(other, absl::StatusCode::kInvalidArgument, "is \"C\"; scenarios.csv has A, B");
}

// The windows' losses again, from what the sample files hold.
TEST(ImportTest, ATasksExposureIsTheWindowThatPredictsItBest) {
  SmallWorld world;
  world.job.mutable_data()->clear_dense_windows();
  for (const uint32_t days : {1U, 4U, 10U}) world.job.mutable_data()->add_dense_windows(days);
  const conf::Schema schema = world.Import()->schema;
  const auto tasks = static_cast<size_t>(schema.tasks_size());
  const auto features = static_cast<size_t>(schema.dense_names_size());
  // Tasks clicks, cost and the number of days with clicks.
  const std::map<std::pair<std::string, DenseStatistic>, int> task_of = {
      {{"performance.clicks", DenseStatistic::kTotal}, 0},
      {{"performance.cost", DenseStatistic::kTotal}, 1},
      {{"performance.clicks", DenseStatistic::kDaysNonzero}, 2}};
  std::map<std::pair<int, uint32_t>, double> losses;
  ASSERT_TRUE(
      VisitSplit(world.out(), schema, "train", 64, [&](const Batch& batch, const SampleReader&) {
        for (size_t i = 0; i < batch.size * features; ++i) {
          const int f = static_cast<int>(i % features);
          const auto feature = ParseDenseName(schema.dense_names(f)).value();
          const double log_rate = batch.dense[i] * schema.dense_deviations(f) +
                                  schema.dense_means(f) + std::log(3.0 / feature.days);
          const auto task = task_of.find({feature.field, feature.statistic});
          if (task == task_of.end()) continue;
          const float label =
              batch.labels[i / features * tasks + static_cast<size_t>(task->second)];
          losses[{task->second, feature.days}] += std::exp(log_rate) - label * log_rate;
        }
        return absl::OkStatus();
      }).ok());
  ASSERT_EQ(losses.size(), 9U);
  for (const int task : {0, 1, 2}) {
    for (const uint32_t days : {1U, 4U, 10U}) {
      EXPECT_LE((losses[{task, schema.tasks(task).exposure_days()}]), (losses[{task, days}]));
    }
  }
  // A binary task is no rate of its column.
  EXPECT_EQ(schema.tasks(3).exposure_days(), 0U);
}

TEST(ImportTest, AnEmptySplitIsNamed) {
  SmallWorld world;
  world.job.mutable_data()->set_min_active_days(11);
  ExpectError(world, absl::StatusCode::kInvalidArgument, "split train is empty");
}

TEST(ImportTest, AHistoryLongerThanTheDataIsAnError) {
  SmallWorld world;
  world.job.mutable_data()->set_history_days(58);
  ExpectError(world, absl::StatusCode::kInvalidArgument, "need 61 days; the daily file has 60");
}

TEST(ImportTest, LabelsThatTheLossForbidsAreErrors) {
  {
    SmallWorld world;
    Replace(world.daily, "\n2020-01-15,e0,A,", "\n2020-01-15,e0,A,-1000,1,1\n2020-01-15,x,A,");
    ExpectError(world, absl::StatusCode::kInvalidArgument, "task clicks: label -");
  }
  {
    SmallWorld world;
    world.job.mutable_data()->mutable_tasks(2)->set_loss(conf::CROSS_ENTROPY);
    ExpectError(world, absl::StatusCode::kInvalidArgument, "CROSS_ENTROPY allows 0 and 1");
  }
}

TEST(ImportTest, EmptyTablesAreErrors) {
  SmallWorld world;
  world.daily = "date,entity,scenario,clicks,cost,visits\n";
  ExpectError(world, absl::StatusCode::kInvalidArgument, "daily.csv has a header and no row");
  SmallWorld other;
  other.scenarios = "scenario,budget\n";
  ExpectError(other, absl::StatusCode::kInvalidArgument, "has no scenario");
}

// A failed import takes the one before it away: its files may be half overwritten.
TEST(ImportTest, AHalfImportIsNeverTakenForOne) {
  SmallWorld world;
  ASSERT_TRUE(world.Import().ok());
  world.daily += "garbage\n";
  ASSERT_FALSE(world.Import().ok());
  EXPECT_THAT(std::string(LoadSchema(world.out()).status().message()),
              HasSubstr("is no imported folder"));
}

TEST(SchemaFileTest, FlippedBytesAreFound) {
  SmallWorld world;
  ASSERT_TRUE(world.Import().ok());
  const std::string whole = ReadFile(SchemaPath(world.out())).value();
  const size_t closing_line = whole.size() - 25;
  for (size_t at = 0; at < whole.size(); at += at < closing_line ? 23 : 1) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    world.folder().Write("out/schema.txtpb", flipped);
    ASSERT_EQ(LoadSchema(world.out()).status().code(), absl::StatusCode::kDataLoss) << at;
  }
  world.folder().Write("out/schema.txtpb", "");
  EXPECT_EQ(LoadSchema(world.out()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(InspectTest, DamageIsFoundInFolderAndFile) {
  SmallWorld world;
  ASSERT_TRUE(world.Import().ok());
  const std::string path = world.out() + "/train-00000.samples";
  EXPECT_TRUE(IsImportedFolder(world.out()));
  EXPECT_TRUE(IsSampleFile(path));
  EXPECT_FALSE(IsSampleFile(SchemaPath(world.out())));
  const absl::StatusOr<format::Index> index = InspectSampleFile(path);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->scenario_samples(0) + index->scenario_samples(1), index->samples());
  std::string content = ReadFile(path).value();
  content[100] ^= 1;
  world.folder().Write("out/train-00000.samples", content);
  EXPECT_THAT(std::string(InspectSampleFile(path).status().message()),
              AllOf(HasSubstr("train-00000.samples"), HasSubstr("block 0")));
  EXPECT_EQ(InspectImportedFolder(world.out()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(PlanFilesTest, FilesAreOfLikeSizeAndCoverEveryPart) {
  const std::vector<uint64_t> parts(256, 10);
  const std::vector<PartRange> files = PlanFiles(parts, 640);
  ASSERT_EQ(files.size(), 4);
  uint32_t next = 0;
  for (const PartRange& file : files) {
    EXPECT_EQ(file.first, next);
    EXPECT_EQ(file.last - file.first, 64);
    next = file.last;
  }
  EXPECT_EQ(PlanFiles(parts, 1000000).size(), 1);
}

TEST(PlanFilesTest, NoFileIsEmpty) {
  std::vector<uint64_t> parts(256, 0);
  parts[100] = 5000;
  parts[200] = 10;
  const std::vector<PartRange> files = PlanFiles(parts, 500);
  ASSERT_EQ(files.size(), 1);
  EXPECT_EQ(files[0].last, 256);
}

}  // namespace
}  // namespace caravan::data
