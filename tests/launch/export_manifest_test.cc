#include "launch/export/export_manifest.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace caravan::launch {
namespace {

conf::RunSpec MakeRun() {
  conf::RunSpec run;
  run.mutable_job()->set_name("small");
  conf::Task& task = *run.mutable_job()->mutable_data()->add_tasks();
  task.set_name("cost");
  task.set_loss(conf::CROSS_ENTROPY);
  conf::Schema& schema = *run.mutable_schema();
  schema.set_history_days(6);
  schema.add_scenarios("A");
  schema.add_scenario_names("Alpha");
  conf::Field& region = *schema.add_fields();
  region.set_name("profile.region");
  region.set_group(conf::PROFILE);
  region.set_values(3);
  region.add_categories("north");
  conf::Field& cost = *schema.add_fields();
  cost.set_name("performance.cost");
  cost.set_group(conf::PERFORMANCE);
  cost.set_first_key(9);
  cost.set_values(4);
  cost.add_bounds(0.1F);
  cost.add_bounds(std::numeric_limits<float>::infinity());
  schema.add_dense_names("performance.cost.total_7");
  schema.add_dense_means(1.5F);
  schema.add_dense_deviations(2);
  for (const char* name : {"scenario", "profile", "behaviour", "performance"}) {
    conf::TableSpec& table = *run.mutable_model()->add_tables();
    table.set_name(name);
    table.set_width(4);
  }
  return run;
}

nlohmann::json Parse(bool region_is_read) {
  const conf::RunSpec run = MakeRun();
  return nlohmann::json::parse(
      ManifestJson({.run = run,
                    .version = "1",
                    .checkpoint = 3,
                    .model_file = "model.onnx",
                    .tables = {{}, {.keys = 3, .file = {}}, {}, {.keys = 4, .file = "p.rows"}},
                    .reads_field = {region_is_read, true},
                    .reads_dense_features = true}));
}

TEST(ExportManifestTest, TellsWhatEachInputHolds) {
  const nlohmann::json manifest = Parse(/*region_is_read=*/true);
  EXPECT_EQ(manifest["run"]["checkpoint"], 3);
  const nlohmann::json& region = manifest["fields"][0];
  EXPECT_EQ(region["input"]["holds"], "value_ids");
  EXPECT_EQ(region["input"]["shape"], nlohmann::json({"batch"}));
  EXPECT_EQ(region["categories"], nlohmann::json({"north"}));
  const nlohmann::json& cost = manifest["fields"][1];
  EXPECT_EQ(cost["column"], "cost");
  EXPECT_EQ(cost["first_key"], 9);
  EXPECT_EQ(cost["input"]["holds"], "rows");
  EXPECT_EQ(cost["input"]["shape"], nlohmann::json({"batch", 6, 4}));
  EXPECT_EQ(manifest["tasks"][0]["loss"], "CROSS_ENTROPY");
}

TEST(ExportManifestTest, BoundsAreTheExactFloatsWithoutInfinity) {
  const nlohmann::json bounds = Parse(true)["fields"][1]["bounds"];
  ASSERT_EQ(bounds.size(), 1U);
  EXPECT_EQ(bounds[0].get<double>(), static_cast<double>(0.1F));
}

TEST(ExportManifestTest, AFieldThatTheNetDoesNotReadHasNoInput) {
  EXPECT_TRUE(Parse(/*region_is_read=*/false)["fields"][0]["input"].is_null());
}

TEST(ExportManifestTest, DenseFeaturesNameTheirFieldAndDays) {
  const nlohmann::json dense = Parse(true)["dense"];
  EXPECT_EQ(dense["input"]["shape"], nlohmann::json({"batch", 1}));
  EXPECT_EQ(dense["features"][0]["field"], "performance.cost");
  EXPECT_EQ(dense["features"][0]["days"], 7);
  EXPECT_EQ(dense["features"][0]["mean"], 1.5);
}

}  // namespace
}  // namespace caravan::launch
