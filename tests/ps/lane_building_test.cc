// What a server's lane starts from, and what is known of it if its process is killed meanwhile.
#include "ps/lane_building.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "lane_fixture.h"

namespace caravan::ps {
namespace {

// A folder that was left by a lane with one push, and a checkpoint without any.
class LaneBuildingTest : public ::testing::Test {
 protected:
  LaneBuildingTest() {
    Lanes untrained(folder_, spec_, 2);
    manifest_ = untrained.Save(checkpoint_);
    auto lane = Lane::Create(spec_, options_);
    EXPECT_TRUE(lane.ok()) << lane.status();
    Lanes lanes(spec_, *std::move(lane));
    lanes.Push({{1, 2, 3}, {4}}, Tag(0, 0, 0));
  }
  std::string State() const {
    const absl::StatusOr<std::string> state = ReadFile(state_path_);
    return state.ok() ? *state : "";
  }
  std::string Damage() const {
    std::string state = State();
    state[20] ^= 1;
    EXPECT_TRUE(WriteFileAtomically(state_path_, state).ok());
    return state;
  }
  absl::StatusOr<BuiltLane> Build(bool keep_state) {
    return BuildLane(
        spec_, options_, keep_state, checkpoint_, [this] { return manifest_; },
        [this] {
          states_given_up_.push_back(State());
          return give_up_status_;
        });
  }

  const TestFolder folder_;
  const conf::RunSpec spec_ = SmallSpec();
  const Lane::Options options_{.run_id = kRunId, .data_directory = folder_.path() + "/lane"};
  const std::string state_path_ = options_.data_directory + "/STATE";
  const std::string checkpoint_ = folder_.Make("checkpoint");
  conf::Manifest manifest_;
  absl::Status give_up_status_;
  std::vector<std::string> states_given_up_;  // STATE when it was told
};

TEST_F(LaneBuildingTest, AFolderThatIsWholeIsGoneOnFrom) {
  const absl::StatusOr<BuiltLane> built = Build(/*keep_state=*/true);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_FALSE(built->state_lost);
  EXPECT_EQ(built->lane->rows(), 4u);
  EXPECT_TRUE(states_given_up_.empty());
}

// Killed behind the first byte of the new state, it would leave a folder that looks whole.
TEST_F(LaneBuildingTest, ThatStateIsLostIsToldBeforeItsFolderIsTouched) {
  const std::string damaged = Damage();
  const absl::StatusOr<BuiltLane> built = Build(/*keep_state=*/true);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_TRUE(built->state_lost);
  EXPECT_EQ(built->lane->rows(), 0u);
  EXPECT_EQ(states_given_up_, std::vector<std::string>{damaged});
}

TEST_F(LaneBuildingTest, WhereThatCannotBeToldNothingIsTouched) {
  const std::string damaged = Damage();
  give_up_status_ = absl::ResourceExhaustedError("disk full");
  EXPECT_EQ(Build(/*keep_state=*/true).status(), give_up_status_);
  EXPECT_EQ(State(), damaged);
}

TEST_F(LaneBuildingTest, StateThatIsNotTheLanesLastIsNotLookedAt) {
  const absl::StatusOr<BuiltLane> built = Build(/*keep_state=*/false);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_TRUE(built->state_lost);
  EXPECT_EQ(built->lane->rows(), 0u);
  EXPECT_TRUE(states_given_up_.empty());
}

}  // namespace
}  // namespace caravan::ps
