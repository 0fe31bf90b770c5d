#include "tests/data/small_world.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/hash.h"
#include "data/calendar.h"

namespace caravan::data {
namespace {

constexpr const char* kJob = R"(
  name: "small_world"
  data {
    daily_file: "daily.csv" entities_file: "entities.csv" scenarios_file: "scenarios.csv"
    behaviour_columns: "visits"
    performance_columns: "clicks" performance_columns: "cost"
    profile_columns: "city" profile_numeric_columns: "height"
    scenario_numeric_columns: "budget"
    tasks { name: "clicks" }
    tasks { name: "cost" }
    tasks { name: "active" column: "clicks" aggregate: DAYS_NONZERO }
    tasks { name: "any" column: "visits" aggregate: ANY_NONZERO loss: CROSS_ENTROPY }
    history_days: 10 horizon_days: 3 min_active_days: 4 buckets: 4 dense_windows: 3
  }
)";

}  // namespace

std::optional<WorldRow> SmallWorld::Row(int entity, int scenario, int day) {
  const uint64_t bits =
      CombineHash(static_cast<uint64_t>(entity * 2 + scenario), static_cast<uint64_t>(day));
  // Scenario B is the minor one.
  if (bits % 10 < (scenario == 0 ? 3 : 6)) return std::nullopt;
  return WorldRow{.clicks = static_cast<float>((bits >> 8) % 5),
                  .cost = static_cast<float>((bits >> 16) % 1000) / 10.0F,
                  .visits = static_cast<float>((bits >> 32) % 3)};
}

SmallWorld::SmallWorld() {
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kJob, &job));
  job.mutable_data()->set_directory(folder_.path());
  const int32_t first_day = *ParseDate("2020-01-01");
  daily = "date,entity,scenario,clicks,cost,visits\n";
  for (int day = 0; day < kWorldDays; ++day) {
    for (int entity = 0; entity < kWorldEntities; ++entity) {
      for (int scenario = 0; scenario < 2; ++scenario) {
        const std::optional<WorldRow> row = Row(entity, scenario, day);
        if (!row) continue;
        daily += fmt::format("{},e{},{},{},{},{}\n", FormatDate(first_day + day), entity,
                             scenario == 0 ? "A" : "B", row->clicks, row->cost, row->visits);
      }
    }
  }
  entities = "entity,city,height\n";
  for (int entity = 0; entity < kWorldEntities; ++entity) {
    entities += entity == 7 ? std::string("e7,,\n")
                            : fmt::format("e{},\"city {}, \"\"old\"\"\",{}\n", entity, entity % 4,
                                          entity - 10);
  }
  scenarios = "scenario,name,budget\nA,Alpha,100\nB,Beta,-5\n";
}

absl::StatusOr<ImportReport> SmallWorld::Import(uint64_t sample_file_bytes) const {
  folder_.Write("daily.csv", daily);
  folder_.Write("entities.csv", entities);
  folder_.Write("scenarios.csv", scenarios);
  return data::Import(job, out(), nullptr, sample_file_bytes);
}

}  // namespace caravan::data
