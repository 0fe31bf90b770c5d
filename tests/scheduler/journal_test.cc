#include "scheduler/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "base/random.h"
#include "tests/net/ipc_directory.h"
#include "tests/scheduler/scripted_run.h"

namespace caravan::scheduler {
namespace {

using ::testing::HasSubstr;

// Parts in the order of their keys, so that two states can be compared.
std::string Canonical(JournalRecord state) {
  std::sort(
      state.mutable_members()->begin(), state.mutable_members()->end(),
      [](const MemberState& a, const MemberState& b) { return a.incarnation() < b.incarnation(); });
  std::sort(state.mutable_blocks()->begin(), state.mutable_blocks()->end(),
            [](const BlockState& a, const BlockState& b) { return a.block() < b.block(); });
  // Told along with changes only.
  RunState& run = *state.mutable_run();
  for (const char* field : {"epoch_millis", "run_millis", "epoch_sums", "total_sums",
                            "peers_refused", "scheduler_starts"}) {
    run.GetReflection()->ClearField(&run, run.GetDescriptor()->FindFieldByName(field));
  }
  for (MemberState& member : *state.mutable_members()) {
    member.clear_last_heartbeat();
    member.clear_samples();
  }
  return state.DebugString();
}

class JournalTest : public testing::Test {
 protected:
  std::string Path() const { return directory_.path() + "/journal"; }
  JournalRecord Read() {
    absl::StatusOr<JournalRecord> state = ReadJournal(Path(), bytes_cut_);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *std::move(state) : JournalRecord();
  }
  static JournalRecord Whole(uint64_t next_lease) {
    JournalRecord record;
    record.set_whole(true);
    record.mutable_run()->set_next_lease(next_lease);
    return record;
  }
  static JournalRecord Change(uint64_t next_lease) {
    JournalRecord record;
    record.mutable_run()->set_next_lease(next_lease);
    return record;
  }

  net::IpcDirectory directory_;
  uint64_t bytes_cut_ = 0;
};

TEST_F(JournalTest, ReadsWhatWasWritten) {
  Journal journal(Path(), true);
  JournalRecord first = Whole(1);
  first.add_members()->set_incarnation(7);
  first.add_members()->set_incarnation(8);
  first.add_blocks()->set_block(3);
  ASSERT_TRUE(journal.Write(first).ok());
  JournalRecord change = Change(2);
  change.add_members_gone(7);
  change.add_members()->set_incarnation(9);
  change.add_blocks()->set_block(3);
  change.mutable_blocks(0)->set_state(2);
  ASSERT_TRUE(journal.Write(change).ok());
  const JournalRecord state = Read();
  EXPECT_EQ(state.run().next_lease(), 2);
  ASSERT_EQ(state.members_size(), 2);
  EXPECT_EQ(state.members(0).incarnation(), 8);
  EXPECT_EQ(state.members(1).incarnation(), 9);
  ASSERT_EQ(state.blocks_size(), 1);
  EXPECT_EQ(state.blocks(0).state(), 2);
}

TEST_F(JournalTest, AWholeRecordTakesThePlaceOfAll) {
  Journal journal(Path(), false);
  ASSERT_TRUE(journal.Write(Whole(1)).ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(journal.Write(Change(i)).ok());
  const auto before = std::filesystem::file_size(Path());
  ASSERT_TRUE(journal.Write(Whole(5)).ok());
  EXPECT_LT(std::filesystem::file_size(Path()), before / 10);
  EXPECT_EQ(Read().run().next_lease(), 5);
}

// Wherever a kill cuts the file, what was whole before the cut is there, and no more.
TEST_F(JournalTest, ATornEndIsCut) {
  std::vector<uint64_t> ends;
  {
    Journal journal(Path(), false);
    ASSERT_TRUE(journal.Write(Whole(0)).ok());
    ends.push_back(std::filesystem::file_size(Path()));
    for (uint64_t i = 1; i <= 5; ++i) {
      ASSERT_TRUE(journal.Write(Change(i)).ok());
      ends.push_back(std::filesystem::file_size(Path()));
    }
  }
  for (uint64_t size = ends.back(); size >= ends.front(); --size) {
    std::filesystem::resize_file(Path(), size);
    const auto whole = std::upper_bound(ends.begin(), ends.end(), size) - ends.begin() - 1;
    EXPECT_EQ(Read().run().next_lease(), static_cast<uint64_t>(whole));
    EXPECT_EQ(bytes_cut_, size - ends[static_cast<size_t>(whole)]);
  }
  std::filesystem::resize_file(Path(), ends.front() - 1);
  EXPECT_EQ(ReadJournal(Path(), bytes_cut_).status().code(), absl::StatusCode::kDataLoss);
}

// Files of this process that grow beyond `bytes` are an error of their writer, like a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(JournalTest, OneThatLacksARecordIsNotThereUntilItIsBegunAnew) {
  Journal journal(Path(), false);
  ASSERT_TRUE(journal.Write(Whole(1)).ok());
  ASSERT_TRUE(journal.Write(Change(2)).ok());
  {
    const FileSizeLimit limit(std::filesystem::file_size(Path()));
    EXPECT_FALSE(journal.Write(Change(3)).ok());
    EXPECT_FALSE(std::filesystem::exists(Path()));
    EXPECT_TRUE(absl::IsFailedPrecondition(journal.Write(Change(4))));
  }
  {
    const FileSizeLimit limit(4);
    EXPECT_FALSE(journal.Write(Whole(5)).ok());
    EXPECT_TRUE(absl::IsNotFound(ReadJournal(Path(), bytes_cut_).status()));
  }
  ASSERT_TRUE(journal.Write(Whole(6)).ok());
  ASSERT_TRUE(journal.Write(Change(7)).ok());
  EXPECT_EQ(Read().run().next_lease(), 7);
}

TEST_F(JournalTest, AWholeRecordThatCannotBeWrittenLeavesNoOlderOne) {
  Journal journal(Path(), false);
  ASSERT_TRUE(journal.Write(Whole(1)).ok());
  const FileSizeLimit limit(4);
  EXPECT_FALSE(journal.Write(Whole(2)).ok());
  EXPECT_FALSE(std::filesystem::exists(Path()));
}

TEST_F(JournalTest, NoFlippedBitIsServed) {
  {
    Journal journal(Path(), false);
    ASSERT_TRUE(journal.Write(Whole(1)).ok());
    ASSERT_TRUE(journal.Write(Change(2)).ok());
  }
  const std::string bytes = *ReadFile(Path());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string wrong = bytes;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << (bit % 8)));
    std::ofstream(Path(), std::ios::binary) << wrong;
    const absl::StatusOr<JournalRecord> state = ReadJournal(Path(), bytes_cut_);
    if (!state.ok()) continue;
    // Four bytes of a head are reserved: they say nothing.
    if (bytes_cut_ == 0) {
      EXPECT_EQ(state->run().next_lease(), 2);
    } else {
      EXPECT_EQ(state->run().next_lease(), 1);
    }
  }
}

TEST_F(JournalTest, ADiskThatDoesNotTakeItIsTold) {
  Journal journal(directory_.path() + "/absent/journal", false);
  EXPECT_THAT(std::string(journal.Write(Whole(1)).message()), HasSubstr("absent/journal"));
  EXPECT_TRUE(absl::IsFailedPrecondition(journal.Write(Change(2))));
}

// Random runs, replayed at each step: a coordinator that goes on from the journal is in the same
// state as the one that wrote it.
class ReplayTest : public testing::TestWithParam<uint64_t> {
 protected:
  void ReportOneOf() {
    if (leases_.empty()) return;
    const LeaseAnswer lease = leases_.back();
    leases_.pop_back();
    BlockDone done{.incarnation = 1 + random_.NextBelow(3),
                   .lease = lease.lease,
                   .epoch = lease.epoch,
                   .block = lease.block,
                   .begun_routing_epoch = run_.coordinator.routing_epoch()};
    net::CellSums cell;
    cell.set_samples(lease.split == "valid" ? 12 : 13);
    if (lease.kind == net::LeaseReply::EVALUATE) done.cells = {cell};
    run_.Do(done);
  }
  void LoseServer() {
    run_.Do(ScriptedRun::ServerHello(++servers_));
    run_.Beat(servers_);
    run_.Do(MarksCollected{
        .routing_epoch = run_.coordinator.routing_epoch(),
        .lanes = {{.lane = 0, .epoch = run_.coordinator.epoch(), .marks = {{0, 2}, {1, 2}}}}});
  }
  void DoSomething() {
    const uint64_t worker = 1 + random_.NextBelow(3);
    switch (random_.NextBelow(8)) {
      case 0:
      case 1:
        run_.Do(LeaseRequest{worker, ++run_.request_id});
        if (const auto lease = run_.Last<LeaseAnswer>(); lease && lease->lease != 0) {
          leases_.push_back(*lease);
        }
        break;
      case 2:
      case 3:
        ReportOneOf();
        break;
      case 4:
        run_.Pass(Millis{random_.NextBelow(6000)});
        break;
      case 5:
        for (const uint64_t member : {uint64_t{1}, uint64_t{2}, uint64_t{3}, servers_}) {
          if (random_.NextBelow(4) > 0) run_.Beat(member);
        }
        break;
      case 6:
        run_.JoinWorker(worker);
        break;
      default:
        if (random_.NextBelow(6) == 0) LoseServer();
    }
  }
  void CheckReplay() {
    if (const auto changes = run_.coordinator.TakeChanges()) ApplyChanges(*changes, state_);
    ASSERT_EQ(Canonical(state_), Canonical(run_.coordinator.WholeState()));
    Coordinator next(options_, run_.now);
    ASSERT_TRUE(next.SetState(state_).ok());
    JournalRecord again = next.WholeState();
    JournalRecord expected = state_;
    // A checkpoint that was under way is not any more, but due.
    if (state_.run().checkpoint_in_flight()) {
      for (JournalRecord* one : {&again, &expected}) {
        one->mutable_run()->clear_epoch_checkpoint_due();
        one->mutable_run()->clear_changed_since_checkpoint();
      }
      expected.mutable_run()->set_checkpoint_in_flight(false);
    }
    ASSERT_EQ(Canonical(again), Canonical(expected));
  }

  const CoordinatorOptions options_ = SmallRun();
  RandomStream random_{GetParam()};
  ScriptedRun run_{options_};
  JournalRecord state_;
  uint64_t servers_ = kServer;
  std::vector<LeaseAnswer> leases_;
};

TEST_P(ReplayTest, GivesTheStateBack) {
  run_.JoinServer();
  for (uint64_t worker = 1; worker <= 3; ++worker) run_.JoinWorker(worker);
  for (int step = 0; step < 300; ++step) {
    if (run_.coordinator.phase() >= Coordinator::Phase::kStopping) break;
    run_.actions.clear();
    DoSomething();
    if (const auto order = run_.Last<WriteCheckpoint>(); order && random_.NextBelow(3) > 0) {
      run_.Do(CheckpointEnded{order->checkpoint, absl::OkStatus()});
    }
    if (run_.coordinator.phase() == Coordinator::Phase::kCheckingLedger) run_.CountLedger();
    ASSERT_NO_FATAL_FAILURE(CheckReplay());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReplayTest, testing::Range(uint64_t{1}, uint64_t{41}));

TEST_F(JournalTest, AnotherRunsJournalIsNotGoneOnFrom) {
  ScriptedRun run;
  JournalRecord state = run.coordinator.WholeState();
  state.mutable_run()->set_lanes_total(8);
  Coordinator next(SmallRun(), Millis{0});
  EXPECT_EQ(next.SetState(state).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace caravan::scheduler
