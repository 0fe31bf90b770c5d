#include "tests/sim/simulation.h"

#include <gtest/gtest.h>

namespace caravan::sim {
namespace {

// Slices, so that they run side by side.
class SeedsTest : public ::testing::TestWithParam<uint64_t> {};

constexpr uint64_t kSeedsOfSlice = 100;

TEST_P(SeedsTest, EveryRunIsExact) {
  for (uint64_t i = 0; i < kSeedsOfSlice; ++i) {
    const uint64_t seed = 1 + GetParam() * kSeedsOfSlice + i;
    const Outcome outcome = Simulate({.seed = seed, .server_faults = true});
    ASSERT_TRUE(outcome.status.ok()) << "seed " << seed << ": " << outcome.status << "\n"
                                     << outcome.story;
  }
}

INSTANTIATE_TEST_SUITE_P(Slices, SeedsTest, ::testing::Range<uint64_t>(0, 20));

TEST(SimulationTest, ASeedReplaysExactly) {
  for (const uint64_t seed : {7U, 8U, 9U}) {
    const Outcome first = Simulate({.seed = seed, .keeps_trace = true});
    const Outcome again = Simulate({.seed = seed, .keeps_trace = true});
    EXPECT_GT(first.story.size(), 1000U);
    EXPECT_EQ(first.story, again.story) << "seed " << seed;
    EXPECT_EQ(first.messages, again.messages);
  }
}

// A simulator that finds nothing proves nothing: bugs that are put in on purpose are found within
// some hundred seeds.
class PlantedTest : public ::testing::TestWithParam<Plant> {};

TEST_P(PlantedTest, IsFound) {
  constexpr uint64_t kSeedsMax = 600;
  for (uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
    const Outcome outcome = Simulate({.seed = seed, .plant = GetParam(), .server_faults = true});
    if (outcome.status.ok()) continue;
    RecordProperty("seed", std::to_string(seed));
    EXPECT_TRUE(absl::IsDataLoss(outcome.status) || absl::IsInternal(outcome.status))
        << "seed " << seed << ": " << outcome.status;
    return;
  }
  FAIL() << "not found in " << kSeedsMax << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Plants, PlantedTest,
                         ::testing::Values(Plant::kAcknowledgeBeforeLog, Plant::kMarksNotRestored),
                         [](const auto& plant) {
                           return plant.param == Plant::kMarksNotRestored ? "MarksNotRestored"
                                                                          : "AcknowledgeBeforeLog";
                         });

}  // namespace
}  // namespace caravan::sim
