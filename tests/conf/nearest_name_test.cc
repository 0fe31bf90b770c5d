#include "conf/nearest_name.h"

#include <gtest/gtest.h>

namespace caravan::conf {
namespace {

TEST(NearestNameTest, FindsTheSmallestEditDistance) {
  const std::vector<std::string> known = {"epochs", "batch_size", "seed"};
  EXPECT_EQ(NearestName("epoch", known), "epochs");
  EXPECT_EQ(NearestName("bacth_size", known), "batch_size");
  EXPECT_EQ(NearestName("sede", known), "seed");
}

TEST(NearestNameTest, SaysNothingWhereNothingIsClose) {
  EXPECT_EQ(NearestName("learning_rate", std::vector<std::string>{"epochs", "seed"}), "");
  EXPECT_EQ(NearestName("x", {}), "");
}

}  // namespace
}  // namespace caravan::conf
