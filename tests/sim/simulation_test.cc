#include "tests/sim/simulation.h"

#include <glog/logging.h>
#include <gtest/gtest.h>

#include <string>

namespace caravan::sim {
namespace {

// What the parts log of thousands of runs is no news.
class QuietTest {
 public:
  static void SetUpTestSuite() { FLAGS_minloglevel = google::GLOG_FATAL; }
};

// Slices, so that they run side by side.
class SeedsTest : public QuietTest, public ::testing::TestWithParam<uint64_t> {
 public:
  using QuietTest::SetUpTestSuite;
};

constexpr uint64_t kSeedsOfSlice = 100;

TEST_P(SeedsTest, EveryRunIsExact) {
  for (uint64_t i = 0; i < kSeedsOfSlice; ++i) {
    const uint64_t seed = 1 + GetParam() * kSeedsOfSlice + i;
    const Outcome outcome = Simulate({.seed = seed, .faults = FaultsOfSeed(seed)});
    ASSERT_TRUE(outcome.status.ok()) << "seed " << seed << ": " << outcome.status << "\n"
                                     << outcome.story;
  }
}

INSTANTIATE_TEST_SUITE_P(Slices, SeedsTest, ::testing::Range<uint64_t>(0, 20));

// Seeds beyond the slices that have found something: the judge taking a replaced lane's pushes for
// those of the lane in its place, a removed log that came back with a loss of power, the successor
// of a scheduler that died as the last thing, without its journal (five), and two routings of one
// number.
TEST(SimulationTest, SeedsThatFailedOnce) {
  for (const uint64_t seed : {122816, 155884, 28592, 36580, 40724, 53752, 55424, 58136}) {
    const Outcome outcome = Simulate({.seed = seed, .faults = FaultsOfSeed(seed)});
    EXPECT_TRUE(outcome.status.ok()) << "seed " << seed << ": " << outcome.status << "\n"
                                     << outcome.story;
  }
}

TEST(SimulationTest, ASeedReplaysExactly) {
  for (const uint64_t seed : {7U, 8U, 9U}) {
    const SimulationOptions options{
        .seed = seed, .keeps_trace = true, .faults = FaultsOfSeed(seed)};
    const Outcome first = Simulate(options);
    const Outcome again = Simulate(options);
    EXPECT_GT(first.story.size(), 1000U);
    EXPECT_EQ(first.story, again.story) << "seed " << seed;
    EXPECT_EQ(first.messages, again.messages);
  }
}

// A simulator that finds nothing proves nothing: bugs that are put in on purpose are found. One
// seed in 20 to 40 shows the first, in 10 to 20 the second, in about 100 the third: it takes a lane
// that loses its state between a block's last acknowledgement and its report, and is back before
// that.
struct Planted {
  const char* name = "";
  Plant plant = Plant::kNone;
  uint64_t seeds_max = 0;
};

class PlantedTest : public QuietTest, public ::testing::TestWithParam<Planted> {
 public:
  using QuietTest::SetUpTestSuite;
};

TEST_P(PlantedTest, IsFound) {
  for (uint64_t seed = 1; seed <= GetParam().seeds_max; ++seed) {
    const Outcome outcome = Simulate({.seed = seed, .plant = GetParam().plant});
    if (outcome.status.ok()) continue;
    RecordProperty("seed", std::to_string(seed));
    // By what it does to the run: something that was acknowledged or counted is not there.
    EXPECT_TRUE(absl::IsDataLoss(outcome.status) || absl::IsInternal(outcome.status))
        << "seed " << seed << ": " << outcome.status;
    return;
  }
  FAIL() << "not found in " << GetParam().seeds_max << " seeds";
}

INSTANTIATE_TEST_SUITE_P(
    Plants, PlantedTest,
    ::testing::Values(Planted{"AcknowledgeBeforeLog", Plant::kAcknowledgeBeforeLog, 300},
                      Planted{"MarksNotRestored", Plant::kMarksNotRestored, 200},
                      Planted{"LeaseNotFenced", Plant::kLeaseNotFenced, 800}),
    [](const auto& planted) { return planted.param.name; });

}  // namespace
}  // namespace caravan::sim
