#include "base/hash.h"

#include <gtest/gtest.h>

namespace caravan {
namespace {

// These values lie on disk in every checkpoint and decide where keys live: never change them.
TEST(FrozenHashTest, ValuesNeverChange) {
  EXPECT_EQ(MixBits(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(FrozenHash(0, 0), 12035550249420947055ULL);
  EXPECT_EQ(FrozenHash(3, 12345), 12604696713197859601ULL);
  EXPECT_EQ(HashBytes(std::string_view("caravan")), 216093833587452782ULL);
}

TEST(FrozenHashTest, TableAndKeyAreNotInterchangeable) {
  EXPECT_NE(FrozenHash(0, 1), FrozenHash(1, 0));
}

}  // namespace
}  // namespace caravan
