#include "launch/export/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void AddField(conf::Schema& schema, const char* name, conf::FieldGroup group, uint64_t first_key,
              uint32_t values) {
  conf::Field& field = *schema.add_fields();
  field.set_name(name);
  field.set_group(group);
  field.set_first_key(first_key);
  field.set_values(values);
}

TEST(VocabularyTest, HasEveryValueOfEveryFieldOfTheTable) {
  conf::Schema schema;
  AddField(schema, "profile.size", conf::PROFILE, 7, 2);
  AddField(schema, "profile.region", conf::PROFILE, 1, 3);
  AddField(schema, "performance.cost", conf::PERFORMANCE, 0, 2);
  EXPECT_THAT(VocabularyKeys(schema, TableId{conf::PROFILE}).value(), ElementsAre(1, 2, 3, 7, 8));
  EXPECT_THAT(VocabularyKeys(schema, TableId{conf::PERFORMANCE}).value(), ElementsAre(0, 1));
  EXPECT_THAT(VocabularyKeys(schema, TableId{conf::BEHAVIOUR}).value(), IsEmpty());
}

TEST(VocabularyTest, FieldsThatShareKeysAreNamed) {
  conf::Schema schema;
  AddField(schema, "profile.region", conf::PROFILE, 0, 3);
  AddField(schema, "profile.size", conf::PROFILE, 2, 2);
  const absl::Status status = VocabularyKeys(schema, TableId{conf::PROFILE}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("profile.region and profile.size"));
}

}  // namespace
}  // namespace caravan::launch
