#include "worker/unique_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace caravan::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

conf::Schema MakeSchema() {
  conf::Schema schema;
  const auto add = [&](const char* name, conf::FieldGroup group, uint64_t first, uint32_t values) {
    conf::Field& field = *schema.add_fields();
    field.set_name(name);
    field.set_group(group);
    field.set_first_key(first);
    field.set_values(values);
  };
  add("scenario.id", conf::SCENARIO, 0, 7);
  add("performance.flights", conf::PERFORMANCE, 0, 100);
  add("performance.miles", conf::PERFORMANCE, 100, 200);
  return schema;
}

TEST(UniqueKeys, ListsEachKeyOnceAndFindsItsRow) {
  UniqueKeys keys(MakeSchema());
  ASSERT_TRUE(keys.Find({{3, 3, 1}, {63, 64, 63, 0, 99, 0}, {0, 0, 199, 0, 0, 5}}).ok());
  EXPECT_THAT(keys.keys()[conf::SCENARIO], ElementsAre(1, 3));
  EXPECT_THAT(keys.keys()[conf::PROFILE], IsEmpty());
  EXPECT_THAT(keys.keys()[conf::PERFORMANCE], ElementsAre(0, 63, 64, 99, 100, 105, 299));
  EXPECT_THAT(keys.row_indices()[0], ElementsAre(1, 1, 0));
  EXPECT_THAT(keys.row_indices()[1], ElementsAre(1, 2, 1, 0, 3, 0));
  EXPECT_THAT(keys.row_indices()[2], ElementsAre(4, 4, 6, 4, 4, 5));
}

TEST(UniqueKeys, ForgetsTheBatchBefore) {
  UniqueKeys keys(MakeSchema());
  ASSERT_TRUE(keys.Find({{6}, {98, 97}, {0, 1}}).ok());
  ASSERT_TRUE(keys.Find({{2}, {5, 5}, {9, 9}}).ok());
  EXPECT_THAT(keys.keys()[conf::SCENARIO], ElementsAre(2));
  EXPECT_THAT(keys.keys()[conf::PERFORMANCE], ElementsAre(5, 109));
}

TEST(UniqueKeys, SortingGivesWhatBitmapsGive) {
  UniqueKeys with_bitmaps(MakeSchema());
  UniqueKeys sorted(MakeSchema(), /*bitmap_keys_max=*/50);  // performance has 300, scenario 7
  RandomStream random(17);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::vector<uint32_t>> ids(3);
    for (int i = 0; i < 40; ++i) {
      ids[0].push_back(static_cast<uint32_t>(random.NextBelow(7)));
      ids[1].push_back(static_cast<uint32_t>(random.NextBelow(100)));
      ids[2].push_back(static_cast<uint32_t>(random.NextBelow(200)));
    }
    ASSERT_TRUE(with_bitmaps.Find(ids).ok());
    ASSERT_TRUE(sorted.Find(ids).ok());
    EXPECT_EQ(with_bitmaps.keys(), sorted.keys());
    EXPECT_EQ(with_bitmaps.row_indices(), sorted.row_indices());
  }
}

TEST(UniqueKeys, NamesAFieldWhoseValueIsOutOfRange) {
  UniqueKeys keys(MakeSchema());
  const absl::Status status = keys.Find({{0}, {100}, {0}});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("performance.flights: value id 100"));
  // And nothing of it is left behind.
  ASSERT_TRUE(keys.Find({{1}, {1}, {1}}).ok());
  EXPECT_THAT(keys.keys()[conf::PERFORMANCE], ElementsAre(1, 101));
}

}  // namespace
}  // namespace caravan::worker
