#include "model/link.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/ops/link.h"

namespace caravan::model {
namespace {

constexpr LinkKind kKinds[] = {LinkKind::kExp, LinkKind::kSoftplus, LinkKind::kLogistic};

TEST(LinkTest, SlopeIsThatOfTheLossOnBothSidesOfEverySeam) {
  for (const LinkKind kind : kKinds) {
    for (const double z : {-30.0, -14.9, -2.0, 0.0, 1.5, 19.9, 20.1, 25.0}) {
      for (const double label : {0.0, 1.0}) {
        const double step = 1e-5;
        const double expected =
            (LossOf(kind, z + step, label).loss - LossOf(kind, z - step, label).loss) / (2 * step);
        EXPECT_NEAR(LossOf(kind, z, label).slope, expected, 1e-4 * (1 + std::abs(expected)))
            << "kind " << static_cast<int>(kind) << " z " << z;
      }
    }
  }
}

TEST(LinkTest, NothingOverflows) {
  for (const LinkKind kind : kKinds) {
    for (const float z : {-1e6F, -100.0F, 100.0F, 1e6F}) {
      EXPECT_TRUE(std::isfinite(Predict(kind, z)));
      EXPECT_TRUE(std::isfinite(LossOf(kind, z, 3.0F).loss)) << z;
      EXPECT_TRUE(std::isfinite(LossOf(kind, z, 3.0F).slope)) << z;
    }
  }
  EXPECT_NEAR(Predict(LinkKind::kExp, 21.0), 2 * std::exp(20.0), 1);
}

TEST(LinkTest, InverseGivesTheMeanBack) {
  for (const LinkKind kind : kKinds) {
    for (const double mean : {0.001, 0.3, 0.9}) {
      EXPECT_NEAR(Predict(kind, InverseLink(kind, mean)), mean, 1e-9);
    }
    EXPECT_TRUE(std::isfinite(InverseLink(kind, 0)));
  }
  EXPECT_NEAR(Predict(LinkKind::kExp, InverseLink(LinkKind::kExp, 1e9)), 1e9, 1);
  EXPECT_NEAR(Predict(LinkKind::kSoftplus, InverseLink(LinkKind::kSoftplus, 5e4)), 5e4, 1e-3);
}

}  // namespace
}  // namespace caravan::model
