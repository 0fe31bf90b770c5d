#include "data/sample_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "data/column_file.h"
#include "data/discretiser.h"

namespace caravan::data {
namespace {

using testing::HasSubstr;

conf::Schema SmallSchema() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  conf::Schema schema;
  schema.add_scenarios("A");
  schema.add_scenarios("B");
  *schema.add_fields() =
      CategoricalField(conf::SCENARIO, "scenario.id", std::vector<std::string>{"A", "B"});
  *schema.add_fields() =
      CategoricalField(conf::PROFILE, "profile.city", std::vector<std::string>{"Oslo"});
  *schema.add_fields() =
      NumericField(conf::PERFORMANCE, "performance.clicks", std::vector<float>{1, kInfinity});
  conf::Field& wide = *schema.add_fields();
  wide = NumericField(conf::PERFORMANCE, "performance.cost", std::vector<float>{kInfinity});
  wide.set_values(300);
  schema.add_tasks()->set_name("clicks");
  schema.add_dense_names("performance.clicks.total_7");
  return schema;
}

// Two entities, three series, four rows, three samples.
SampleFile SmallFile() {
  SampleFile file = EmptySampleFile(SmallSchema(), "train", 18000);
  file.entity_names = "aabbb";
  file.entity_name_ends = {2, 5};
  file.profile_ids[0] = {2, 1};
  file.scenario_ids[0] = {2, 3};
  file.series_entity = {0, 0, 1};
  file.series_scenario = {0, 1, 1};
  file.series_row_end = {2, 2, 4};
  file.series_sample_end = {1, 2, 3};
  file.row_day = {3, 5, 1, 2};
  file.row_ids[0] = std::vector<uint8_t>{1, 2, 3, 0};
  file.row_ids[1] = std::vector<uint16_t>{1, 2, 299, 0};
  file.row_values[0] = {0, 1, 7, 2};
  file.row_values[1] = {0, 1, 7, 2};
  file.sample_day = {9, 9, 9};
  file.labels[0] = {1, 2, 3};
  return file;
}

TEST(SampleFileTest, ThereAndBack) {
  const SampleFile file = SmallFile();
  const absl::StatusOr<std::string> content = EncodeSampleFile(file, SmallSchema());
  ASSERT_TRUE(content.ok()) << content.status();
  const absl::StatusOr<SampleFile> back = DecodeSampleFile("a.samples", *content, SmallSchema());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->split, "train");
  EXPECT_EQ(back->first_day, 18000);
  EXPECT_EQ(back->EntityName(1), "bbb");
  EXPECT_EQ(back->row_ids, file.row_ids);
  EXPECT_EQ(back->row_values, file.row_values);
  EXPECT_EQ(back->labels, file.labels);
  const absl::StatusOr<format::Index> index = ParseColumnFile("a.samples", *content);
  ASSERT_TRUE(index.ok());
  EXPECT_THAT(index->scenario_samples(), testing::ElementsAre(1, 2));
}

// Whole by its checksums and still wrong: written by another program, or for another schema.
TEST(SampleFileTest, ColumnsThatLeadOutsideAreRefused) {
  const struct {
    std::string column;
    std::function<void(SampleFile&)> spoil;
  } cases[] = {
      {"entities/name_end",
       [](SampleFile& file) {
         file.entity_name_ends = {5, 2};
       }},
      {"entities/name_end",
       [](SampleFile& file) {
         file.entity_name_ends = {2, 6};
       }},
      {"entities/profile.city", [](SampleFile& file) { file.profile_ids[0] = {2}; }},
      {"entities/profile.city",
       [](SampleFile& file) {
         file.profile_ids[0] = {2, 3};
       }},
      {"scenarios/scenario.id",
       [](SampleFile& file) {
         file.scenario_ids[0] = {2, 4};
       }},
      {"series/entity", [](SampleFile& file) { file.series_entity[1] = 2; }},
      {"series/scenario", [](SampleFile& file) { file.series_scenario.push_back(0); }},
      {"series/row_end", [](SampleFile& file) { file.series_row_end[2] = 5; }},
      {"series/row_end",
       [](SampleFile& file) {
         file.row_day = {5, 5, 1, 2};
       }},
      {"series/sample_end",
       [](SampleFile& file) {
         file.series_sample_end = {1, 3, 2};
       }},
      {"series/sample_end", [](SampleFile& file) { file.sample_day.pop_back(); }},
      {"rows/id/performance.clicks",
       [](SampleFile& file) {
         file.row_ids[0] = std::vector<uint8_t>{1, 2, 4, 0};
       }},
      {"rows/id/performance.cost",
       [](SampleFile& file) {
         file.row_ids[1] = std::vector<uint16_t>{1, 2, 300, 0};
       }},
      {"rows/id/performance.cost",
       [](SampleFile& file) {
         file.row_ids[1] = std::vector<uint8_t>{1, 2, 3, 0};
       }},
      {"rows/value/performance.cost", [](SampleFile& file) { file.row_values[1].pop_back(); }},
      {"samples/label/clicks", [](SampleFile& file) { file.labels[0].push_back(1); }},
  };
  for (const auto& bad : cases) {
    SampleFile file = SmallFile();
    bad.spoil(file);
    // The writer takes it as it is: what it gets from the builder always fits.
    const absl::StatusOr<std::string> content = EncodeSampleFile(file, SmallSchema());
    ASSERT_TRUE(content.ok()) << content.status();
    const absl::Status status = DecodeSampleFile("a.samples", *content, SmallSchema()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << bad.column;
    EXPECT_THAT(std::string(status.message()), HasSubstr("a.samples"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.column));
  }
}

TEST(SampleFileTest, AnotherSchemaIsRefused) {
  const std::string content = EncodeSampleFile(SmallFile(), SmallSchema()).value();
  conf::Schema schema = SmallSchema();
  schema.mutable_tasks(0)->set_name("orders");
  EXPECT_THAT(std::string(DecodeSampleFile("a.samples", content, schema).status().message()),
              HasSubstr("samples/label/orders"));
}

TEST(ColumnFileTest, LargeColumnsTakeSeveralBlocks) {
  std::vector<uint32_t> numbers(1000000);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<uint32_t>(i * 2654435761U);
  ColumnFileWriter writer;
  ASSERT_TRUE(writer.Add("numbers", std::span<const uint32_t>(numbers)).ok());
  std::string content = writer.Finish();
  const absl::StatusOr<format::Index> index = ParseColumnFile("f", content);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->columns(0).blocks_size(), 4);
  EXPECT_EQ(ReadColumn<uint32_t>("f", content, *index, "numbers").value(), numbers);
  EXPECT_FALSE(ReadColumn<uint16_t>("f", content, *index, "numbers").ok());
  content[index->columns(0).blocks(2).offset() + 5] ^= 1;
  EXPECT_THAT(std::string(ReadColumn<uint32_t>("f", content, *index, "numbers").status().message()),
              HasSubstr("f: column numbers, block 2"));
}

}  // namespace
}  // namespace caravan::data
