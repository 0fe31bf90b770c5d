#include "ps/marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::ps {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using Verdict = Marks::Verdict;

void Apply(Marks& marks, const Batch& batch) { marks.Apply(batch, marks.Decide(batch)); }

TEST(MarksTest, TellsWhatEveryShardHasBegun) {
  Marks marks({ShardId{0}, ShardId{1}});
  Apply(marks, {.epoch = 0, .block = 7, .batch = 0, .samples = 10});
  Apply(marks, {.epoch = 0, .block = 7, .batch = 1, .samples = 10});
  Apply(marks, {.epoch = 0, .block = 3, .batch = 0, .samples = 10});
  EXPECT_THAT(marks.Begun(), ElementsAre(Pair(3, 1), Pair(7, 2)));
}

// A lane that lost a part of an epoch must not go over to the next one: what it lacks would be
// dropped as done from then on.
TEST(MarksTest, ALaterEpochWaitsUntilThisOneIsWhole) {
  Marks marks({ShardId{0}}, 20);
  const Batch next{.epoch = 1, .block = 0, .batch = 0, .samples = 10};
  EXPECT_EQ(marks.Decide(next).verdict, Verdict::kOutOfOrder);
  Apply(marks, {.epoch = 0, .block = 0, .batch = 0, .samples = 10});
  EXPECT_EQ(marks.Decide(next).verdict, Verdict::kOutOfOrder);
  Apply(marks, {.epoch = 0, .block = 1, .batch = 0, .samples = 10});
  EXPECT_EQ(marks.Decide({.epoch = 2, .block = 0, .batch = 0, .samples = 10}).verdict,
            Verdict::kOutOfOrder);
  EXPECT_EQ(marks.Decide(next).verdict, Verdict::kApply);
  Apply(marks, next);
  EXPECT_EQ(marks.epoch(), 1);
}

}  // namespace
}  // namespace caravan::ps
