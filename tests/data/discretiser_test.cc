#include "data/discretiser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace caravan::data {
namespace {

using testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

TEST(BucketLearnerTest, BoundsAreQuantiles) {
  BucketLearner learner;
  for (int i = 1; i <= 100; ++i) learner.Add(static_cast<float>(i));
  EXPECT_THAT(learner.Bounds(4), ElementsAre(25, 50, 75, kInfinity));
}

TEST(BucketLearnerTest, ZeroAndMissingAreNotCounted) {
  BucketLearner learner;
  for (int i = 0; i < 1000; ++i) learner.Add(0);
  for (int i = 0; i < 1000; ++i) learner.Add(kMissing);
  learner.Add(1);
  learner.Add(2);
  EXPECT_THAT(learner.Bounds(2), ElementsAre(1, kInfinity));
}

TEST(BucketLearnerTest, ManyEqualValuesShareOneBucket) {
  BucketLearner learner;
  for (int i = 0; i < 90; ++i) learner.Add(1);
  for (int i = 0; i < 9; ++i) learner.Add(2);
  learner.Add(3);
  // 1 takes nine tenths, so nine bounds fall together; what is above shares the last bucket.
  EXPECT_THAT(learner.Bounds(10), ElementsAre(1, kInfinity));
  // The largest value is left to the bucket that +inf closes: no bucket is without training values.
  EXPECT_THAT(learner.Bounds(100), ElementsAre(1, 2, kInfinity));
  EXPECT_THAT(BucketLearner().Bounds(10), ElementsAre(kInfinity));
}

TEST(BucketLearnerTest, NegativeValuesAreOrdinary) {
  BucketLearner learner;
  for (int i = 1; i <= 100; ++i) learner.Add(static_cast<float>(-i));
  EXPECT_THAT(learner.Bounds(4), ElementsAre(-76, -51, -26, kInfinity));
}

TEST(NumericValueIdTest, EveryValueHasABucket) {
  const conf::Field field =
      NumericField(conf::PROFILE, "profile.lon", std::vector<float>{-5, 10, kInfinity});
  EXPECT_EQ(field.values(), 5);
  EXPECT_EQ(NumericValueId(field, kMissing), kMissingId);
  EXPECT_EQ(NumericValueId(field, 0), kZeroId);
  EXPECT_EQ(NumericValueId(field, -1e30F), 2);
  EXPECT_EQ(NumericValueId(field, -5), 2);
  EXPECT_EQ(NumericValueId(field, -4.9F), 3);
  EXPECT_EQ(NumericValueId(field, 10), 3);
  EXPECT_EQ(NumericValueId(field, 1e30F), 4);
}

TEST(CategoryIdsTest, MissingUnseenAndKnown) {
  const conf::Field field =
      CategoricalField(conf::PROFILE, "profile.city", std::vector<std::string>{"Oslo", "Rome"});
  EXPECT_EQ(field.values(), 4);
  const CategoryIds ids(field);
  EXPECT_EQ(ids(""), kMissingId);
  EXPECT_EQ(ids("Bonn"), kUnseenId);
  EXPECT_EQ(ids("Oslo"), 2);
  EXPECT_EQ(ids("Rome"), 3);
}

}  // namespace
}  // namespace caravan::data
