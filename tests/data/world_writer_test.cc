// A world in files: the same from the same seed, read by the import, its true rates those of the
// labels.
#include "data/world/world_writer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "conf/job_loader.h"
#include "data/csv_reader.h"
#include "data/import.h"
#include "data/split_visitor.h"
#include "data/world/world_file.h"
#include "data/world/world_oracle.h"
#include "tests/data/temporary_folder.h"

namespace caravan::data {
namespace {

using testing::HasSubstr;

constexpr double kScale = 0.0002;  // 366 advertisers

World SmallOne(uint64_t seed) {
  return World(LoadWorld("conf/synth/world.txtpb").value(), seed, kScale);
}

TEST(WorldWriterTest, TheSameSeedGivesTheSameBytes) {
  const TemporaryFolder folder;
  for (const auto& [name, seed] : {std::pair{"/a", 1}, {"/b", 1}, {"/c", 2}}) {
    const absl::StatusOr<WorldReport> report =
        WriteWorld(SmallOne(static_cast<uint64_t>(seed)), folder.path() + name, nullptr);
    ASSERT_TRUE(report.ok()) << report.status();
  }
  for (const char* file : {kDailyFile, kEntitiesFile, kScenariosFile, kJobFile, kRecordFile}) {
    const auto read = [&](const char* of) {
      return ReadFile(fmt::format("{}/{}/{}", folder.path(), of, file)).value();
    };
    EXPECT_EQ(read("a"), read("b")) << file;
    if (std::string(file) != kScenariosFile) {
      EXPECT_NE(read("a"), read("c")) << file;
    }
  }
}

TEST(WorldWriterTest, WritesToAnEmptyFolderOnly) {
  const TemporaryFolder folder;
  folder.Write("notes.txt", "of somebody");
  const absl::StatusOr<WorldReport> report = WriteWorld(SmallOne(1), folder.path(), nullptr);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("is not empty"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/" + kDailyFile));
}

// Every column's total over the whole file against that of the true rates: a Poisson number.
TEST(WorldWriterTest, CountsAreWhatTheRatesSay) {
  const World world = SmallOne(1);
  const TemporaryFolder folder;
  double fraction = 0;
  const std::string out = folder.path() + "/world";
  const auto report = WriteWorld(world, out, [&](const WorldProgress& now) {
    EXPECT_GE(now.fraction, fraction);
    fraction = now.fraction;
  });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(fraction, 1);
  std::vector<double> expected(world.columns(), 0);
  std::vector<double> rates(size_t{world.scenarios()} * world.columns());
  for (uint64_t i = 0; i < world.advertisers(); ++i) {
    for (int32_t day = 0; day < world.days(); ++day) {
      world.Rates(world.AdvertiserAt(i), day, rates);
      for (size_t at = 0; at < rates.size(); ++at) expected[at % world.columns()] += rates[at];
    }
  }
  absl::StatusOr<CsvReader> csv = CsvReader::Open(out + "/" + kDailyFile);
  ASSERT_TRUE(csv.ok()) << csv.status();
  std::vector<double> counted(world.columns(), 0);
  uint64_t rows = 0;
  for (; csv->Next().value(); ++rows) {
    for (uint32_t c = 0; c < world.columns(); ++c) counted[c] += *csv->Number(3 + c).value();
  }
  EXPECT_EQ(rows, report->rows);
  EXPECT_GT(rows, 10000U);
  for (uint32_t c = 0; c < world.columns(); ++c) {
    EXPECT_NEAR(counted[c], expected[c], 5 * std::sqrt(expected[c])) << c;
  }
}

class WorldOracleTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteWorld(SmallOne(1), folder_.path() + "/world", nullptr).ok());
    job_ = conf::LoadJob(folder_.path() + "/world/job.txtpb", {}).value();
    const absl::StatusOr<ImportReport> report = Import(job_, folder_.path() + "/data", nullptr);
    ASSERT_TRUE(report.ok()) << report.status();
    schema_ = report->schema;
  }

  const TemporaryFolder folder_;
  conf::Job job_;
  conf::Schema schema_;
};

TEST_F(WorldOracleTest, TrueRatesAreTheMeansOfTheLabels) {
  auto oracle = WorldOracle::Open(job_.data(), schema_);
  ASSERT_TRUE(oracle.ok() && oracle->has_value()) << oracle.status();
  const size_t tasks = 5;
  std::vector<double> labels(tasks, 0);
  std::vector<double> means(tasks, 0);
  std::vector<double> gain(tasks, 0);  // of the mean over the median, in absolute error
  std::vector<double> squared_gain(tasks, 0);
  std::vector<LabelLaw> laws(tasks);
  uint64_t samples = 0;
  const absl::Status visited = VisitSplit(
      folder_.path() + "/data", schema_, "train", 100,
      [&](const Batch& batch, const SampleReader& reader) {
        for (uint32_t b = 0; b < batch.size; ++b) {
          // Label windows that do not overlap, so that labels
          // are independent draws.
          if (batch.anchor_days[b] % 7 != 0) continue;
          ++samples;
          const absl::Status status = (*oracle)->Laws(
              reader.EntityName(batch.entities[b]), batch.scenarios[b], batch.anchor_days[b], laws);
          EXPECT_TRUE(status.ok()) << status;
          for (size_t t = 0; t < tasks; ++t) {
            const double label = batch.labels[b * tasks + t];
            labels[t] += label;
            means[t] += laws[t].mean;
            const double better = std::abs(label - laws[t].median) - std::abs(label - laws[t].mean);
            gain[t] += better;
            squared_gain[t] += better * better;
          }
        }
        return absl::OkStatus();
      });
  ASSERT_TRUE(visited.ok()) << visited;
  EXPECT_GT(samples, 500U);
  for (size_t t = 0; t < tasks; ++t) {
    // A number of active days varies less than a Poisson number of its mean.
    EXPECT_NEAR(labels[t], means[t], 5 * std::sqrt(means[t])) << t;
    EXPECT_LE(gain[t], 5 * std::sqrt(squared_gain[t])) << t << ": the median errs least";
  }
}

TEST_F(WorldOracleTest, KnowsOnlyTheTablesItIsOf) {
  auto oracle = WorldOracle::Open(job_.data(), schema_);
  ASSERT_TRUE(oracle.ok() && oracle->has_value()) << oracle.status();
  std::vector<LabelLaw> laws(5);
  EXPECT_EQ((*oracle)->Laws("a999999999", 0, 18500, laws).code(),
            absl::StatusCode::kInvalidArgument);

  conf::Schema other = schema_;
  other.set_scenarios(0, "Z");
  EXPECT_THAT(std::string(WorldOracle::Open(job_.data(), other).status().message()),
              HasSubstr("scenario Z is none of the world"));
  conf::Job job = job_;
  job.mutable_data()->mutable_tasks(0)->set_column("tears");
  EXPECT_THAT(std::string(WorldOracle::Open(job.data(), schema_).status().message()),
              HasSubstr("task views is of column tears"));

  folder_.Write(std::string("world/") + kDailyFile, "date,entity,scenario\n");
  const auto changed = WorldOracle::Open(job_.data(), schema_);
  EXPECT_EQ(changed.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(changed.status().message()), HasSubstr("record of another daily file"));

  std::filesystem::remove(folder_.path() + "/world/" + kRecordFile);
  const auto none = WorldOracle::Open(job_.data(), schema_);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
}

}  // namespace
}  // namespace caravan::data
