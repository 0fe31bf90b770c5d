#include "launch/predict/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/launch/small_run.h"

namespace caravan::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CandidatesTest : public ::testing::Test {
 protected:
  Candidates Selecting(const std::string& conditions, int32_t scenario = -1) {
    const auto parsed = ParseConditions(conditions, schema_);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return Candidates(*parsed, scenario);
  }
  void Fill(Candidates& candidates) {
    candidates.Add("ann", 0, 10, {{3.0F, 7.0F}});
    candidates.Add("bob", 0, 10, {{1.0F, 2.0F}});
    candidates.Add("bob", 1, 10, {{0.5F, 9.0F}});
    candidates.Add("eve", 0, 10, {{0.25F, 1.0F}});
    candidates.Add("eve", 0, 12, {{1.5F, 5.0F}});  // the later day counts
    candidates.Add("eve", 0, 11, {{0.0F, 0.0F}});
  }
  static std::vector<std::string> Names(const std::vector<Candidate>& candidates) {
    std::vector<std::string> names;
    for (const Candidate& candidate : candidates) names.push_back(candidate.entity);
    return names;
  }

  const conf::Schema schema_ = SmallRun().schema();  // tasks clicks and spend, scenarios A and B
};

TEST_F(CandidatesTest, TheLowestAreFirstWhereFewIsAskedFor) {
  Candidates candidates = Selecting("clicks<2");
  Fill(candidates);
  EXPECT_EQ(candidates.size(), 4U);
  const std::vector<Candidate> best = candidates.Best(0);
  EXPECT_THAT(Names(best), ElementsAre("bob", "bob", "eve"));
  EXPECT_EQ(best[0].scenario, 1U);
  EXPECT_EQ(best[2].anchor_day, 12);
  EXPECT_THAT(Names(candidates.Best(1)), ElementsAre("bob"));
}

TEST_F(CandidatesTest, TheHighestAreFirstWhereManyIsAskedFor) {
  Candidates candidates = Selecting("spend>=5");
  Fill(candidates);
  EXPECT_THAT(Names(candidates.Best(0)), ElementsAre("bob", "ann", "eve"));
  Candidates above = Selecting("spend > 5");
  Fill(above);
  EXPECT_THAT(Names(above.Best(0)), ElementsAre("bob", "ann"));
}

TEST_F(CandidatesTest, AllConditionsMustHoldInTheScenarioAskedFor) {
  Candidates candidates = Selecting("clicks<=1.5, spend>2", /*scenario=*/0);
  Fill(candidates);
  EXPECT_THAT(Names(candidates.Best(0)), ElementsAre("eve"));
  Candidates none = Selecting("clicks<0");
  Fill(none);
  EXPECT_THAT(none.Best(0), IsEmpty());
}

TEST_F(CandidatesTest, CsvHasAColumnATask) {
  Candidates candidates = Selecting("clicks<1");
  candidates.Add("a,b", 1, 0, {{0.5F, 9.0F}});
  EXPECT_EQ(CandidatesCsv(candidates.Best(0), schema_),
            "rank,entity,scenario,date,clicks,spend\n1,\"a,b\",B,1970-01-01,0.5,9\n");
  EXPECT_THAT(CandidatesText(candidates.Best(0), schema_), HasSubstr("a,b"));
}

TEST_F(CandidatesTest, WhatIsNoConditionIsNamed) {
  const auto why = [this](const std::string& text) {
    return std::string(ParseConditions(text, schema_).status().message());
  };
  EXPECT_THAT(why("clicks"), HasSubstr("\"clicks\" is no condition: it is TASK<NUMBER"));
  EXPECT_THAT(why("clicks<1,"), HasSubstr("\"\" is no condition"));
  EXPECT_THAT(why("views<1"), HasSubstr("no task \"views\"; it has clicks, spend"));
  EXPECT_THAT(why("clicks<few"), HasSubstr("\"few\" is no number"));
  EXPECT_THAT(why("clicks<nan"), HasSubstr("no number"));
  EXPECT_THAT(why("clicks==1"), HasSubstr("no condition"));
}

}  // namespace
}  // namespace caravan::launch
