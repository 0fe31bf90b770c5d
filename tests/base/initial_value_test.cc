#include "base/initial_value.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace caravan {
namespace {

TEST(InitialValueTest, FollowsFromItsPlaceAlone) {
  const InitialDistribution normal{InitialKind::kNormal, 0.5F};
  EXPECT_EQ(InitialValue(normal, 1, 2, 3), 0.5F * RandomStream(1, 2, 3).NextNormal());
  EXPECT_NE(InitialValue(normal, 1, 2, 3), InitialValue(normal, 1, 2, 4));
  EXPECT_EQ(InitialValue({InitialKind::kConstant, 7}, 1, 2, 3), 7);

  std::vector<float> row(3);
  InitialRow({InitialKind::kUniform, 2}, 9, 1, 42, row);
  RandomStream stream(9, 1, 42);
  for (const float value : row) {
    EXPECT_EQ(value, 2 * (2 * stream.NextUniform() - 1));
    EXPECT_LE(std::abs(value), 2);
  }
}

}  // namespace
}  // namespace caravan
