#include "scheduler/phase_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace caravan::scheduler {
namespace {

// Seeded random schedules: whoever may, goes on. Nobody is ever more than the bound ahead of the
// slowest active one, and somebody can always go on.
TEST(PhaseClockTest, TheBoundHoldsAndNobodyWaitsForEver) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    RandomStream random(seed);
    const uint32_t bound = static_cast<uint32_t>(random.NextBelow(5));
    PhaseClock clock(conf::BOUNDED, bound);
    constexpr uint32_t kWorkers = 6;
    std::vector<uint64_t> begun(kWorkers, 0);  // the next phase of each
    for (uint32_t w = 0; w < kWorkers; ++w) clock.Activate(WorkerId{w});
    for (int step = 0; step < 2000; ++step) {
      const uint32_t w = static_cast<uint32_t>(random.NextBelow(kWorkers));
      if (clock.Ask(WorkerId{w}, begun[w])) ++begun[w];
      const auto [slowest, fastest] = std::minmax_element(begun.begin(), begun.end());
      // One more: begun counts the batch that is under way.
      ASSERT_LE(*fastest - *slowest, bound + 1);
    }
    EXPECT_GT(*std::min_element(begun.begin(), begun.end()), 50);
  }
}

TEST(PhaseClockTest, TheIdleAndTheDeadHoldNobodyUp) {
  PhaseClock clock(conf::BOUNDED, 1);
  clock.Activate(WorkerId{0});
  clock.Activate(WorkerId{1});
  EXPECT_TRUE(clock.Ask(WorkerId{0}, 1));
  EXPECT_FALSE(clock.Ask(WorkerId{0}, 2));
  clock.Deactivate(WorkerId{1});
  EXPECT_TRUE(clock.Ask(WorkerId{0}, 2));
  clock.Activate(WorkerId{1});
  EXPECT_FALSE(clock.Ask(WorkerId{0}, 4));
  clock.Forget(WorkerId{1});
  EXPECT_TRUE(clock.Ask(WorkerId{0}, 4));
}

TEST(PhaseClockTest, ANewcomerIsLinedUpWithTheOthers) {
  PhaseClock clock(conf::BOUNDED, 2);
  clock.Activate(WorkerId{0});
  EXPECT_TRUE(clock.Ask(WorkerId{0}, 1000));
  clock.Activate(WorkerId{1});
  EXPECT_TRUE(clock.Ask(WorkerId{0}, 1002));
  EXPECT_TRUE(clock.Ask(WorkerId{1}, 1));
  EXPECT_FALSE(clock.Ask(WorkerId{1}, 5));
}

TEST(PhaseClockTest, SyncIsABarrierAtEveryHalfStep) {
  PhaseClock clock(conf::SYNC, 9);
  clock.Activate(WorkerId{0});
  clock.Activate(WorkerId{1});
  EXPECT_TRUE(clock.Ask(WorkerId{0}, 0));
  EXPECT_TRUE(clock.Ask(WorkerId{1}, 0));
  EXPECT_FALSE(clock.Ask(WorkerId{0}, 1));
  EXPECT_TRUE(clock.Ask(WorkerId{1}, 1));
  EXPECT_TRUE(clock.Ask(WorkerId{0}, 1));
}

}  // namespace
}  // namespace caravan::scheduler
