#include "base/flush_denormals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace caravan {
namespace {

// At run time, not by the compiler.
float Times(float a, float b) {
  const volatile float left = a;
  const volatile float right = b;
  return left * right;
}

TEST(FlushDenormalsTest, LastsAsLongAsItLives) {
  constexpr float kLeast = std::numeric_limits<float>::min();
  constexpr float kSubnormal = kLeast / 4;
  EXPECT_GT(Times(kSubnormal, 1), 0);
  {
    const FlushDenormals flush;
    EXPECT_EQ(Times(kSubnormal, 4), 0) << "an operand";
    EXPECT_EQ(Times(kLeast, 0.25F), 0) << "a result";
    EXPECT_EQ(Times(kLeast, 1), kLeast);
    {
      const FlushDenormals again;
      EXPECT_EQ(Times(kLeast, 0.25F), 0);
    }
    EXPECT_EQ(Times(kLeast, 0.25F), 0);
  }
  EXPECT_EQ(std::fpclassify(Times(kLeast, 0.25F)), FP_SUBNORMAL);
}

}  // namespace
}  // namespace caravan
