// A lane that is killed comes back to the bit: at every kill point its folder is copied as the
// kernel has it then, and a lane that recovers from the copy must hold what a lane that was never
// killed holds after the pushes that the log had.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/kill_point.h"
#include "base/random.h"
#include "lane_fixture.h"
#include "net/placement.h"
#include "ps/lane_state.h"
#include "storage/posix_file_system.h"

namespace caravan::ps {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kPushes = 60;

// Rows that overflow the hot ones by far, so that they are evicted and come back.
Lanes::Keys KeysOf(uint32_t push) {
  Lanes::Keys keys(2);
  RandomStream stream(push % 7);
  for (std::vector<uint64_t>& table : keys) {
    uint64_t key = stream.NextBelow(50);
    for (int i = 0; i < 200; ++i) table.push_back(key += 1 + stream.NextBelow(40));
  }
  if (push % 3 == 0) {
    for (uint64_t i = 0; i < 600; ++i) keys[0].push_back(100000 + push * 600 + i);
  }
  return keys;
}

conf::RunSpec SpecWith(conf::Durability durability) {
  conf::RunSpec spec = SmallSpec();
  spec.mutable_job()->mutable_cluster()->set_durability(durability);
  return spec;
}

net::BatchTag TagOf(uint32_t push) { return Tag(push / 30, push % 3, push % 30 / 3); }

void Push(Lanes& lanes, uint32_t first, uint32_t end) {
  for (uint32_t push = first; push < end; ++push) {
    const net::Reply reply = lanes.Push(KeysOf(push), TagOf(push), push % 2 == 0 ? 1 : 0.5F)[0];
    ASSERT_EQ(reply.push().outcome(), net::PushReply::APPLIED) << push << reply.message();
    lanes.lane(0).Work();
  }
}

std::map<std::string, std::string> DumpOf(const TestFolder& folder, Lanes& lanes,
                                          const std::string& name) {
  const std::string directory = folder.Make(name);
  return Dump(directory, lanes.Save(directory));
}

Lane::Options OptionsFor(const std::string& directory, KillPoints* kill_points = nullptr) {
  return {.run_id = kRunId, .data_directory = directory, .kill_points = kill_points};
}

// The next push that the lane wants, by its marks.
uint32_t NextPush(Lane& lane) {
  for (uint32_t push = 0; push < kPushes; ++push) {
    net::Header header = RunHeader();
    header.mutable_mark_query()->set_epoch(TagOf(push).epoch());
    header.mutable_mark_query()->set_block(TagOf(push).block());
    const net::Reply reply = ReplyOf(lane.HandleNow(net::MakeMessage(header)));
    if (reply.mark().mark() <= TagOf(push).batch()) return push;
  }
  return kPushes;
}

class RecoveryTest : public ::testing::TestWithParam<conf::Durability> {};

TEST_P(RecoveryTest, ALaneKilledAtAnyPointComesBackToTheBit) {
  const TestFolder folder;
  const conf::RunSpec spec = SpecWith(GetParam());
  Lanes whole(folder, spec, 1);
  Push(whole, 0, kPushes);
  const auto expected = DumpOf(folder, whole, "expected");
  const std::pair<KillPoint, uint64_t> kills[] = {
      {KillPoint::kBeforeAppend, 1}, {KillPoint::kBeforeAppend, 33}, {KillPoint::kAfterAppend, 1},
      {KillPoint::kAfterAppend, 50}, {KillPoint::kBeforeApply, 20},  {KillPoint::kBeforeApply, 60},
      {KillPoint::kInFlush, 1},      {KillPoint::kInFlush, 3},       {KillPoint::kInFlush, 8},
      {KillPoint::kInCheckpoint, 1}, {KillPoint::kInCheckpoint, 2}};
  int number = 0;
  for (const auto& [point, passing] : kills) {
    SCOPED_TRACE(fmt::format("kill point {} passing {}", static_cast<int>(point), passing));
    const std::string live = folder.path() + fmt::format("/live{}", number);
    const std::string copy = folder.path() + fmt::format("/copy{}", number++);
    KillPoints points(point, passing, [&] { fs::copy(live, copy, fs::copy_options::recursive); });
    {
      auto lane = Lane::Create(spec, OptionsFor(live, &points));
      ASSERT_TRUE(lane.ok()) << lane.status();
      Lanes killed(spec, *std::move(lane));
      Push(killed, 0, kPushes / 2);
      DumpOf(folder, killed, fmt::format("during{}", number));
      Push(killed, kPushes / 2, kPushes);
    }
    ASSERT_TRUE(fs::exists(copy)) << "the point was not passed";
    auto lane = Lane::Recover(spec, OptionsFor(copy));
    if (point == KillPoint::kInFlush && passing == 1) {
      // Nobody was served before the first image was complete.
      EXPECT_TRUE(absl::IsNotFound(lane.status())) << lane.status();
      continue;
    }
    ASSERT_TRUE(lane.ok()) << std::string(lane.status().message());
    const uint32_t next = NextPush(**lane);
    Lanes recovered(spec, *std::move(lane));
    Push(recovered, next, kPushes);
    EXPECT_EQ(DumpOf(folder, recovered, fmt::format("again{}", number)), expected);
  }
}

TEST_P(RecoveryTest, AnAcknowledgedPushIsThere) {
  const TestFolder folder;
  const conf::RunSpec spec = SpecWith(GetParam());
  std::unique_ptr<Lanes> lanes;
  for (uint32_t push = 0; push < 20; ++push) {
    auto lane = push == 0 ? Lane::Create(spec, OptionsFor(folder.path() + "/lane"))
                          : Lane::Recover(spec, OptionsFor(folder.path() + "/lane"));
    ASSERT_TRUE(lane.ok()) << std::string(lane.status().message());
    EXPECT_EQ(NextPush(**lane), push);
    lanes = std::make_unique<Lanes>(spec, *std::move(lane));
    Push(*lanes, push, push + 1);
    // Nothing is written on the way out: this is what a kill leaves.
    lanes.reset();
  }
}

TEST_P(RecoveryTest, TwoLanesNeverShareAFolder) {
  const TestFolder folder;
  const conf::RunSpec spec = SpecWith(GetParam());
  const auto lane = Lane::Create(spec, OptionsFor(folder.path() + "/lane"));
  ASSERT_TRUE(lane.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Lane::Recover(spec, OptionsFor(folder.path() + "/lane")).status()));
}

INSTANTIATE_TEST_SUITE_P(Durabilities, RecoveryTest,
                         ::testing::Values(conf::PROCESS, conf::POWER_LOSS),
                         [](const auto& test) { return conf::Durability_Name(test.param); });

TEST(LaneFolderTest, AnotherRunsLaneOrNoneIsRefusedByName) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  const Lane::Options options = OptionsFor(folder.path() + "/lane");
  EXPECT_TRUE(absl::IsNotFound(Lane::Recover(spec, options).status()));
  ASSERT_TRUE(Lane::Create(spec, options).ok());
  Lane::Options other = options;
  other.run_id = kRunId + 1;
  const absl::Status status = Lane::Recover(spec, other).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("is of run"), absl::string_view::npos) << status;
  other = options;
  other.lanes_total = 2;
  EXPECT_TRUE(absl::IsFailedPrecondition(Lane::Recover(spec, other).status()));
  EXPECT_TRUE(Lane::Recover(spec, options).ok());
  const conf::RunSpec without_log = SpecWith(conf::CHECKPOINT);
  EXPECT_TRUE(absl::IsFailedPrecondition(Lane::Recover(without_log, options).status()));
}

// After a loss of power PROCESS promises nothing: what is there may lack its end.
TEST(LaneFolderTest, AStateOfBeforeTheMachineStartedIsRefused) {
  const TestFolder folder;
  for (const conf::Durability durability : {conf::PROCESS, conf::POWER_LOSS}) {
    const conf::RunSpec spec = SpecWith(durability);
    const std::string directory = folder.path() + "/" + conf::Durability_Name(durability);
    {
      auto lane = Lane::Create(spec, OptionsFor(directory));
      ASSERT_TRUE(lane.ok());
      Lanes lanes(spec, *std::move(lane));
      Push(lanes, 0, 4);
    }
    const auto files = storage::MakePosixFileSystem();
    LaneState state = *ReadLaneState(*files, directory);
    state.boot_id = "another";
    ASSERT_TRUE(files->WriteFileAtomically(directory + "/STATE", FormatLaneState(state)).ok());
    auto lane = Lane::Recover(spec, OptionsFor(directory));
    if (durability == conf::PROCESS) {
      EXPECT_TRUE(absl::IsFailedPrecondition(lane.status())) << lane.status();
      continue;
    }
    ASSERT_TRUE(lane.ok()) << lane.status();
    EXPECT_EQ(NextPush(**lane), 4U);
    lane->reset();
    lane = Lane::Recover(spec, OptionsFor(directory));
    ASSERT_TRUE(lane.ok()) << lane.status();
    EXPECT_EQ(NextPush(**lane), 4U);
  }
}

}  // namespace
}  // namespace caravan::ps
