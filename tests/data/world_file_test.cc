#include "data/world/world_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "data/world/correlation.h"
#include "tests/data/temporary_folder.h"

namespace caravan::data {
namespace {

using testing::HasSubstr;

constexpr const char* kShipped = "conf/synth/world.txtpb";

TEST(WorldFileTest, TheShippedWorldIsRight) {
  const absl::StatusOr<conf::World> world = LoadWorld(kShipped);
  ASSERT_TRUE(world.ok()) << world.status();
  EXPECT_EQ(world->scenarios_size(), 5);
  EXPECT_EQ(world->advertisers(), 1830000U);
  const conf::Job job = WorldJob(*world);
  EXPECT_EQ(job.data().tasks_size(), 5);
  EXPECT_EQ(job.data().tasks(4).column(), "visits");
  EXPECT_EQ(job.data().tasks(4).aggregate(), conf::DAYS_NONZERO);
}

TEST(WorldFileTest, ErrorsSayWhereAndWhatWouldBeRight) {
  const struct {
    std::string from;  // of the shipped world, its first place
    std::string to;
    std::vector<std::string> what;
  } cases[] = {
      {"share: 0.52",
       "share: 0.53",
       {"scenarios[0].share and those behind it sum to 1.01; a sum of 1", ":22:"}},
      {"share: 0.52", "share: 1.5", {"scenarios[0].share is 1.5; 0 to 1 is allowed"}},
      {"share: 0.35", "share: 0.2", {"industries[0].share and those behind it sum to 0.85"}},
      {"[0.70, 1.00, 0.55",
       "[0.71, 1.00, 0.55",
       {"measures[0].correlations[1].values[0] is 0.71, and row 0 has 0.7 in its place 1"}},
      {"[0.70, 1.00, 0.55",
       "[0.70, 0.90, 0.55",
       {"measures[0].correlations[1].values[1] is 0.9; 1 is needed on the diagonal"}},
      {"values: [1.00, 0.70, 0.62, 0.45, 0.50]",
       "values: [1.00, 0.70, 0.62, 0.45]",
       {"measures[0].correlations[0] has 4 values; one for each of the 5 scenarios"}},
      {"  correlations { values: [0.50, 0.58, 0.40, 0.65, 1.00] }\n",
       "",
       {"measures[0].correlations", "has 4 rows"}},
      {"active_measure: \"visits\"",
       "active_measure: \"visit\"",
       {"active_measure is \"visit\"; the name of a measure is needed"}},
      {"name: \"clicks\"", "name: \"views\"", {"measures[1].name is \"views\", which there is"}},
      {"name: \"clicks\"", "name: \"a,b\"", {"measures[1].name is \"a,b\"; letters, digits"}},
      {"first_day: \"2020-09-01\"", "first_day: \"2020-09-31\"", {"first_day is \"2020-09-31\""}},
      {"days: 92", "days: 60", {"days is 60"}},
      {"begins_after_days: 35",
       "begins_after_days: 92",
       {"scenarios[4].begins_after_days is 92; less than days, 92, is allowed"}},
      {"scenarios_per_advertiser: 1.25",
       "scenarios_per_advertiser: 3",
       {"scenarios_per_advertiser is 3; with a scenario of share 0.52 at most 1.92308"}},
      {"buckets: 32 }", "buckets: 32 entity_column: \"x\" }", {"job.data.entity_column is set"}},
      {"size_bands: 8", "size_band: 8", {"there is no field \"size_band\" in World (did you mean"}},
  };
  const std::string shipped = ReadFile(kShipped).value();
  const TemporaryFolder folder;
  for (const auto& one : cases) {
    std::string text = shipped;
    const size_t at = text.find(one.from);
    ASSERT_NE(at, std::string::npos) << one.from;
    text.replace(at, one.from.size(), one.to);
    const absl::StatusOr<conf::World> world = LoadWorld(folder.Write("world.txtpb", text));
    EXPECT_EQ(world.status().code(), absl::StatusCode::kInvalidArgument) << one.to;
    for (const std::string& what : one.what) {
      EXPECT_THAT(std::string(world.status().message()), HasSubstr(what));
    }
    EXPECT_THAT(std::string(world.status().message()), HasSubstr("world.txtpb:"));
  }
}

// Each pair may be correlated so, all three together can't.
TEST(WorldFileTest, NoNumbersAreCorrelatedByAMatrixThatIsNotPositiveDefinite) {
  const std::vector<double> matrix = {1, 0.9, -0.9, 0.9, 1, 0.9, -0.9, 0.9, 1};
  EXPECT_FALSE(CholeskyFactor(matrix, 3).has_value());
  std::string text = ReadFile(kShipped).value();
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"[1.00, 0.70, 0.62", "[1.00, 0.95, -0.95"},
        {"[0.70, 1.00, 0.55", "[0.95, 1.00, 0.95"},
        {"[0.62, 0.55, 1.00", "[-0.95, 0.95, 1.00"}}) {
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
  }
  const TemporaryFolder folder;
  const absl::StatusOr<conf::World> world = LoadWorld(folder.Write("world.txtpb", text));
  EXPECT_THAT(std::string(world.status().message()),
              HasSubstr("measures[0].correlations is not positive definite"));
}

TEST(WorldFileTest, TheFactorGivesTheMatrixBack) {
  const std::vector<double> matrix = {1, 0.5, 0.2, 0.5, 1, -0.3, 0.2, -0.3, 1};
  const auto factor = CholeskyFactor(matrix, 3);
  ASSERT_TRUE(factor.has_value());
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      double sum = 0;
      for (int k = 0; k < 3; ++k) sum += (*factor)[i * 3 + k] * (*factor)[j * 3 + k];
      EXPECT_NEAR(sum, matrix[i * 3 + j], 1e-12);
    }
  }
}

}  // namespace
}  // namespace caravan::data
