// Transcripts of servers that die and come back, with and without their state, and of workers and
// servers that were only away.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scheduler/scripted_run.h"

namespace caravan::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using Phase = Coordinator::Phase;

constexpr uint64_t kAnn = 1;
constexpr uint64_t kBob = 2;
constexpr uint64_t kNext = 1001;  // a server that comes after kServer

class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() : RecoveryTest(SmallRun()) {}
  explicit RecoveryTest(const CoordinatorOptions& options) : run(options) {
    run.JoinServer();
    run.JoinWorker(kAnn);
    run.JoinWorker(kBob);
  }

  static Hello Holding(uint64_t incarnation, uint64_t held_incarnation) {
    Hello hello = ScriptedRun::ServerHello(incarnation);
    hello.held_lanes = {0, 1};
    hello.held_lanes_total = 2;
    hello.held_incarnation = held_incarnation;
    return hello;
  }
  void BecomeReady(uint64_t incarnation, bool state_lost) {
    Heartbeat beat;
    beat.incarnation = incarnation;
    beat.ready = true;
    beat.state_lost = state_lost;
    beat.routing_epoch = run.coordinator.routing_epoch();
    run.Ask<HeartbeatAnswer>(beat);
  }
  // The server is killed and comes back at its old place with nothing in its hands.
  void LoseState(uint64_t incarnation) {
    EXPECT_FALSE(run.Ask<Welcome>(ScriptedRun::ServerHello(incarnation)).keep_state);
    BecomeReady(incarnation, true);
  }
  void Tell(uint32_t epoch, const std::map<uint32_t, uint32_t>& lane_0,
            const std::map<uint32_t, uint32_t>& lane_1) {
    run.Do(MarksCollected{.routing_epoch = run.coordinator.routing_epoch(),
                          .lanes = {{.lane = 0, .epoch = epoch, .marks = lane_0},
                                    {.lane = 1, .epoch = epoch, .marks = lane_1}}});
  }
  void FinishEpoch() {
    run.Work(kAnn);
    run.CountLedger();
    run.Do(CheckpointEnded{run.Last<WriteCheckpoint>()->checkpoint, absl::OkStatus()});
    run.Work(kAnn);
  }

  ScriptedRun run;
};

TEST_F(RecoveryTest, AServerWithItsStateTakesItsPlaceAtOnceAndNothingIsDoneAgain) {
  const LeaseAnswer lease = run.Lease(kAnn);
  const Welcome welcome = run.Ask<Welcome>(Holding(kNext, kServer));
  EXPECT_TRUE(welcome.keep_state);
  EXPECT_TRUE(welcome.with_routing);
  EXPECT_THAT(welcome.lanes, ElementsAre(0, 1));
  EXPECT_EQ(run.coordinator.routing_epoch(), 2);
  // Everybody waits until it is ready; the one before it is not known any more.
  EXPECT_EQ(run.Lease(kBob).kind, net::LeaseReply::WAIT);
  EXPECT_EQ(run.Beat(kServer).order, net::HeartbeatReply::UNKNOWN);
  BecomeReady(kNext, false);
  EXPECT_FALSE(run.Last<CollectMarks>().has_value());
  EXPECT_EQ(run.Lease(kBob).kind, net::LeaseReply::TRAIN);
  // A block that was begun before counts: the lanes have all that they acknowledged.
  BlockDone done{
      .incarnation = kAnn, .lease = lease.lease, .block = lease.block, .begun_routing_epoch = 1};
  EXPECT_TRUE(run.Ask<BlockDoneAnswer>(done).accepted);
}

TEST_F(RecoveryTest, WorkersHearOfTheLaterRouting) {
  run.Ask<Welcome>(Holding(kNext, kServer));
  Heartbeat beat;
  beat.incarnation = kAnn;
  beat.routing_epoch = 1;
  EXPECT_TRUE(run.Ask<HeartbeatAnswer>(beat).with_routing);
}

TEST_F(RecoveryTest, BlocksThatLanesLostAreLeasedAgain) {
  const LeaseAnswer first = run.Lease(kAnn);
  const LeaseAnswer second = run.Lease(kAnn);
  EXPECT_TRUE(run.Finish(kAnn, first));
  EXPECT_TRUE(run.Finish(kAnn, second));
  const LeaseAnswer under_way = run.Lease(kBob);
  LoseState(kNext);
  ASSERT_TRUE(run.Last<CollectMarks>().has_value());
  EXPECT_THAT(run.Last<CollectMarks>()->lanes, ElementsAre(0, 1));
  // Before the marks are known nothing goes on.
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::WAIT);
  // The first block is whole in both lanes, of the second one lane lacks a batch.
  Tell(0, {{first.block, 2}, {second.block, 2}}, {{first.block, 2}, {second.block, 1}});
  EXPECT_EQ(run.coordinator.training_queue().done(), 1);
  // What was begun before the loss does not count, though its worker did all of it.
  BlockDone done{.incarnation = kBob,
                 .lease = under_way.lease,
                 .block = under_way.block,
                 .begun_routing_epoch = 1};
  EXPECT_FALSE(run.Ask<BlockDoneAnswer>(done).accepted);
  EXPECT_EQ(run.Work(kAnn).size(), 3);
  EXPECT_EQ(run.coordinator.phase(), Phase::kCheckingLedger);
}

TEST_F(RecoveryTest, MarksOfAnEarlierRoutingSayNothing) {
  run.Work(kAnn);
  LoseState(kNext);
  const MarksCollected stale{.routing_epoch = run.coordinator.routing_epoch()};
  LoseState(kNext + 1);
  run.Do(stale);
  EXPECT_FALSE(run.coordinator.IsSettled());
  Tell(0, {}, {});
  EXPECT_TRUE(run.coordinator.IsSettled());
  EXPECT_EQ(run.Work(kAnn).size(), 4);
}

TEST_F(RecoveryTest, TheLedgerIsCountedAgainAfterALoss) {
  run.Work(kAnn);
  const CountLedger order = *run.Last<CountLedger>();
  LoseState(kNext);
  run.Do(LedgerCounted{.epoch = 0,
                       .routing_epoch = order.routing_epoch,
                       .samples = std::vector<uint64_t>(4, kTrainSamples)});
  EXPECT_EQ(run.coordinator.phase(), Phase::kCheckingLedger);
  Tell(0, {{0, 2}, {1, 2}, {2, 2}}, {{0, 2}, {1, 2}, {2, 2}, {3, 2}});
  EXPECT_EQ(run.coordinator.phase(), Phase::kTraining);
  EXPECT_THAT(run.Work(kAnn), ElementsAre(3));
  run.CountLedger();
  EXPECT_TRUE(run.Last<EpochEnded>().has_value());
}

TEST_F(RecoveryTest, ALossDuringEvaluationTrainsAndEvaluatesAgain) {
  run.Work(kAnn);
  run.CountLedger();
  ASSERT_EQ(run.coordinator.phase(), Phase::kEvaluating);
  const uint64_t dropped = run.Last<WriteCheckpoint>()->checkpoint;
  run.actions.clear();
  run.Do(ScriptedRun::ServerHello(kNext));
  EXPECT_EQ(run.Last<DropCheckpoint>()->checkpoint, dropped);
  BecomeReady(kNext, true);
  Tell(0, {}, {});
  EXPECT_EQ(run.Work(kAnn).size(), 4);
  run.actions.clear();
  run.CountLedger();
  EXPECT_FALSE(run.Last<EpochEnded>().has_value()) << "it was told before";
  EXPECT_EQ(run.Last<WriteCheckpoint>()->checkpoint, dropped + 1);
  EXPECT_EQ(run.Lease(kAnn).split, "valid");
}

TEST_F(RecoveryTest, LanesThatAreAnEpochBehindAreCaughtUpWith) {
  FinishEpoch();
  ASSERT_EQ(run.coordinator.epoch(), 1);
  const LeaseAnswer later = run.Lease(kBob);
  LoseState(kNext);
  Tell(0, {{0, 2}, {1, 2}, {2, 2}, {3, 2}}, {{0, 2}, {1, 1}});
  EXPECT_EQ(run.coordinator.epoch(), 0);
  EXPECT_FALSE(run.Finish(kBob, later));
  EXPECT_THAT(run.Work(kAnn), UnorderedElementsAre(1, 2, 3));
  run.actions.clear();
  run.CountLedger();
  EXPECT_FALSE(run.Last<EpochEnded>().has_value());
  // No evaluation or checkpoint of an epoch that is long over.
  EXPECT_EQ(run.coordinator.epoch(), 1);
  EXPECT_EQ(run.coordinator.phase(), Phase::kTraining);
  EXPECT_EQ(run.Work(kAnn).size(), 4);
  run.CountLedger();
  EXPECT_EQ(run.Last<EpochEnded>()->summary.epoch, 1);
}

TEST_F(RecoveryTest, LanesWithAllOfAnEpochLackNothingOfIt) {
  FinishEpoch();
  LoseState(kNext);
  const std::map<uint32_t, uint32_t> whole = {{0, 2}, {1, 2}, {2, 2}, {3, 2}};
  Tell(0, whole, whole);
  EXPECT_EQ(run.coordinator.epoch(), 1);
  EXPECT_EQ(run.Work(kAnn).size(), 4);
}

TEST_F(RecoveryTest, OldStateIsNotTakenForTheLast) {
  LoseState(kNext);
  Tell(0, {}, {});
  // The first server's state lies where nobody has looked since; meanwhile another one served.
  Hello stale = Holding(kNext + 1, kServer);
  stale.lane_endpoints = {"ipc:///c", "ipc:///d"};
  EXPECT_EQ(run.Ask<Refusal>(stale).code, net::NOT_READY);
  run.Pass(Millis{6000});
  run.Beat(kAnn);
  run.Pass(Millis{6000});
  run.Beat(kAnn);
  run.Pass(Millis{6000});
  const Welcome welcome = run.Ask<Welcome>(stale);
  EXPECT_FALSE(welcome.keep_state);
  EXPECT_THAT(run.Last<LogLine>()->text, HasSubstr("joined"));
}

TEST(MembershipTest, AServerIsGivenItsLaunchersNumberWhereThatIsFree) {
  Membership membership(/*servers=*/3, /*lanes_per_server=*/1, /*workers_max=*/1, Millis{15000});
  const auto join = [&membership](uint64_t incarnation, std::optional<uint32_t> number) {
    const auto joined = membership.Join({.role = net::SERVER,
                                         .incarnation = incarnation,
                                         .lane_endpoints = {fmt::format("ipc:///{}", incarnation)},
                                         .number = number},
                                        /*run_id=*/1, Millis{0});
    EXPECT_TRUE(joined.ok()) << joined.status();
    return joined->member->id;
  };
  EXPECT_EQ(join(11, 2), 2U);
  EXPECT_EQ(join(12, 2), 0U);  // taken: the first that is free
  EXPECT_EQ(join(13, 99), 1U);
}

TEST_F(RecoveryTest, ASilentServerKeepsItsPlaceUntilItIsTaken) {
  for (int i = 0; i < 3; ++i) {
    run.Beat(kAnn);
    run.Beat(kBob);
    run.Pass(Millis{6000});
  }
  EXPECT_EQ(run.coordinator.membership().Count(net::SERVER), 0);
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::WAIT);
  // It was only slow: nothing has changed.
  EXPECT_EQ(run.Beat(kServer).order, net::HeartbeatReply::CONTINUE);
  EXPECT_EQ(run.coordinator.routing_epoch(), 1);
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::TRAIN);
}

TEST_F(RecoveryTest, AServerThatStaysAwayEndsTheRunByName) {
  for (int i = 0; i < 103; ++i) {
    run.Beat(kAnn);
    run.Pass(Millis{6000});
  }
  EXPECT_EQ(run.coordinator.end_status().code(), absl::StatusCode::kUnavailable);
  const std::string why(run.coordinator.end_status().message());
  EXPECT_THAT(why, HasSubstr("for server 0"));
  EXPECT_THAT(why, HasSubstr("--resume"));
}

TEST_F(RecoveryTest, AStopWaitsForTheServerThatIsAway) {
  run.Finish(kAnn, run.Lease(kAnn));
  run.Do(Holding(kNext, kServer));
  run.Ask<StopAnswer>(StopRequest{.checkpoint_first = true});
  EXPECT_FALSE(run.Last<WriteCheckpoint>().has_value());
  BecomeReady(kNext, false);
  EXPECT_TRUE(run.Last<WriteCheckpoint>().has_value());
}

TEST_F(RecoveryTest, ABlockThatIsGivenBackIsLeasedAnew) {
  const LeaseAnswer lease = run.Lease(kAnn);
  BlockDone back{.incarnation = kAnn, .lease = lease.lease, .block = lease.block};
  back.abandoned = true;
  EXPECT_FALSE(run.Ask<BlockDoneAnswer>(back).accepted);
  const LeaseAnswer again = run.Lease(kAnn);
  EXPECT_EQ(again.block, lease.block);
  EXPECT_NE(again.lease, lease.lease);
  // The same word once more concerns a lease that is over.
  EXPECT_FALSE(run.Ask<BlockDoneAnswer>(back).accepted);
  EXPECT_TRUE(run.Finish(kAnn, again));
}

TEST_F(RecoveryTest, AWorkerThatJoinsAnewFreesWhatItHad) {
  const LeaseAnswer lease = run.Lease(kAnn);
  Hello hello{.role = net::WORKER, .incarnation = 3, .version = "1"};
  hello.former_incarnation = kAnn;
  run.Ask<Welcome>(hello);
  EXPECT_EQ(run.Lease(3).block, lease.block);
  EXPECT_EQ(run.Beat(kAnn).order, net::HeartbeatReply::UNKNOWN);
  EXPECT_EQ(run.coordinator.workers_lost(), 0);
}

}  // namespace
}  // namespace caravan::scheduler
