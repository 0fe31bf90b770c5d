#include "scheduler/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/scheduler/scripted_run.h"

namespace caravan::scheduler {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using Phase = Coordinator::Phase;

constexpr uint64_t kAnn = 1;
constexpr uint64_t kBob = 2;

ScriptedRun Started(const CoordinatorOptions& options = SmallRun()) {
  ScriptedRun run(options);
  run.JoinServer();
  run.JoinWorker(kAnn);
  run.JoinWorker(kBob);
  return run;
}

TEST(CoordinatorTest, WorkersWaitUntilAllServersAreReady) {
  ScriptedRun run;
  run.JoinWorker(kAnn);
  EXPECT_FALSE(run.Last<Welcome>()->with_routing);
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::WAIT);
  run.JoinServer();
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::TRAIN);
  Heartbeat stale;
  stale.incarnation = kAnn;
  EXPECT_TRUE(run.Ask<HeartbeatAnswer>(stale).with_routing);
  EXPECT_FALSE(run.Beat(kAnn).with_routing);
}

// Where an earlier scheduler's journal is lost, its members may still follow its routings.
TEST(CoordinatorTest, RoutingsBeginAboveThoseOfAnEarlierScheduler) {
  CoordinatorOptions options = SmallRun();
  options.first_routing_epoch = 9;
  ScriptedRun run(options);
  // A server is told at once, so that its lanes refuse who follows an earlier one.
  EXPECT_TRUE(run.Ask<Welcome>(ScriptedRun::ServerHello(kServer)).with_routing);
  EXPECT_EQ(run.coordinator.routing_epoch(), 0);
  run.Beat(kServer);
  EXPECT_EQ(run.coordinator.routing_epoch(), 9);
}

TEST(CoordinatorTest, StrangersAreRefusedByName) {
  ScriptedRun run;
  const auto why = [&run](const Hello& hello) { return run.Ask<Refusal>(hello).message; };
  EXPECT_THAT(why({.incarnation = 5, .version = "2"}), HasSubstr("another version: it runs 2"));
  EXPECT_THAT(why({.incarnation = 5, .job_fingerprint = 1}), HasSubstr("another job"));
  EXPECT_THAT(why({.incarnation = 5, .model_fingerprint = 1}), HasSubstr("another model"));
  EXPECT_THAT(why({.role = net::SERVER, .incarnation = 5}), HasSubstr("has 2 lanes"));
  EXPECT_EQ(run.coordinator.peers_refused(), 4);
  EXPECT_EQ(run.Ask<Refusal>(LeaseRequest{99, 1}).code, net::NOT_A_MEMBER);
  EXPECT_EQ(run.Beat(99).order, net::HeartbeatReply::UNKNOWN);
}

TEST(CoordinatorTest, AWholeRun) {
  ScriptedRun run = Started();
  for (uint32_t epoch = 0; epoch < 2; ++epoch) {
    EXPECT_THAT(run.Work(kAnn), UnorderedElementsAre(0, 1, 2, 3));
    ASSERT_EQ(run.coordinator.phase(), Phase::kCheckingLedger);
    run.CountLedger();
    EXPECT_EQ(run.Last<EpochEnded>()->summary.ledger_expected, kTrainSamples);
    ASSERT_EQ(run.coordinator.phase(), Phase::kEvaluating);
    const WriteCheckpoint order = *run.Last<WriteCheckpoint>();
    EXPECT_EQ(order.checkpoint, epoch + 1);
    EXPECT_EQ(order.queue.finished, epoch == 1);

    const LeaseAnswer valid = run.Lease(kBob);
    EXPECT_EQ(valid.kind, net::LeaseReply::EVALUATE);
    EXPECT_EQ(valid.split, "valid");
    EXPECT_TRUE(run.Finish(kBob, valid));
    EXPECT_EQ(run.Last<EvaluationEnded>()->evaluation.cells.at(0).samples(), 12);
    if (epoch == 1) {
      EXPECT_EQ(run.Lease(kBob).split, "test");
      EXPECT_TRUE(run.Finish(kBob, *run.Last<LeaseAnswer>()));
    }
    // The epoch does not advance while the checkpoint is being written.
    EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::WAIT);
    run.Do(CheckpointEnded{order.checkpoint, absl::OkStatus()});
    EXPECT_TRUE(run.Last<CheckpointWritten>().has_value());
  }
  EXPECT_EQ(run.coordinator.phase(), Phase::kStopping);
  EXPECT_EQ(run.Beat(kServer).order, net::HeartbeatReply::CONTINUE);  // workers first
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::DONE);
  EXPECT_EQ(run.Beat(kBob).order, net::HeartbeatReply::STOP);
  EXPECT_EQ(run.Beat(kServer).order, net::HeartbeatReply::STOP);
  EXPECT_TRUE(run.Last<RunEnded>()->status.ok());
}

TEST(CoordinatorTest, TheBlocksOfADeadWorkerGoToAnother) {
  ScriptedRun run = Started();
  const LeaseAnswer lost = run.Lease(kAnn);
  run.Pass(Millis{7000});
  run.Beat(kBob);
  run.Beat(kServer);
  run.Pass(Millis{7000});
  run.Beat(kServer);
  run.Pass(Millis{2000});
  EXPECT_EQ(run.coordinator.workers_lost(), 1);
  const LeaseAnswer again = run.Lease(kBob);
  EXPECT_EQ(again.block, lost.block);
  EXPECT_NE(again.lease, lost.lease);

  // Too late: not a member any more; and under a new name it does not hold that lease.
  EXPECT_EQ(run.Ask<Refusal>(BlockDone{.incarnation = kAnn, .lease = lost.lease}).code,
            net::NOT_A_MEMBER);
  run.JoinWorker(kAnn);
  EXPECT_FALSE(run.Finish(kAnn, lost));
  EXPECT_TRUE(run.Finish(kBob, again));
  EXPECT_EQ(run.coordinator.training_queue().done(), 1);
}

TEST(CoordinatorTest, RepeatsChangeNothing) {
  ScriptedRun run = Started();
  const LeaseAnswer first = run.Ask<LeaseAnswer>(LeaseRequest{kAnn, 500});
  const LeaseAnswer repeat = run.Ask<LeaseAnswer>(LeaseRequest{kAnn, 500});
  EXPECT_EQ(first.lease, repeat.lease);
  EXPECT_EQ(run.coordinator.training_queue().leased(), 1);
  EXPECT_TRUE(run.Finish(kAnn, first));
  EXPECT_TRUE(run.Finish(kAnn, first));
  EXPECT_EQ(run.coordinator.training_queue().done(), 1);

  Heartbeat beat;
  beat.incarnation = kAnn;
  beat.request_id = 9;
  beat.sums.samples = 20;
  run.Do(beat);
  run.Do(beat);
  EXPECT_EQ(run.coordinator.meter().total().samples, 20);
  run.JoinWorker(kAnn);
  EXPECT_EQ(run.coordinator.membership().Count(net::WORKER), 2);
}

TEST(CoordinatorTest, AWrongLedgerFailsTheRun) {
  ScriptedRun run = Started();
  run.Work(kAnn);
  run.CountLedger(kTrainSamples - 1);
  EXPECT_EQ(run.coordinator.phase(), Phase::kStopping);
  EXPECT_EQ(run.coordinator.end_status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(run.coordinator.end_message(), HasSubstr("shard 0 applied 74"));
}

TEST(CoordinatorTest, StopWritesACheckpointFirst) {
  ScriptedRun run = Started();
  const LeaseAnswer done = run.Lease(kAnn);
  run.Lease(kBob);
  EXPECT_TRUE(run.Finish(kAnn, done));
  run.Ask<StopAnswer>(StopRequest{.checkpoint_first = true});
  const WriteCheckpoint order = *run.Last<WriteCheckpoint>();
  EXPECT_THAT(order.queue.done_blocks, testing::ElementsAre(done.block));
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::WAIT);
  run.Do(CheckpointEnded{order.checkpoint, absl::OkStatus()});
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::DONE);
  run.Pass(Millis{4000});  // Bob never hears of it
  EXPECT_EQ(run.Last<RunEnded>()->status.code(), absl::StatusCode::kCancelled);
}

TEST(CoordinatorTest, ASecondStopDoesNotWait) {
  ScriptedRun run = Started();
  run.Lease(kAnn);
  run.Ask<StopAnswer>(StopRequest{.checkpoint_first = true});
  EXPECT_EQ(run.coordinator.phase(), Phase::kTraining);
  run.Ask<StopAnswer>(StopRequest{.checkpoint_first = false});
  EXPECT_EQ(run.coordinator.phase(), Phase::kStopping);
}

TEST(CoordinatorTest, AFailedCheckpointFailsOnlyItself) {
  ScriptedRun run = Started();
  run.Work(kAnn);
  run.CountLedger();
  run.Work(kAnn);
  run.Do(CheckpointEnded{1, absl::ResourceExhaustedError("disk full")});
  EXPECT_THAT(run.Last<LogLine>()->text, HasSubstr("disk full"));
  EXPECT_EQ(run.coordinator.phase(), Phase::kTraining);
  EXPECT_EQ(run.coordinator.epoch(), 1);
}

// A run of one epoch, all of it trained and scored, whose checkpoint does not fit on the disk.
ScriptedRun WithoutRoomAtTheEnd() {
  CoordinatorOptions options = SmallRun();
  options.spec.mutable_job()->mutable_training()->set_epochs(1);
  ScriptedRun run = Started(options);
  run.Work(kAnn);
  run.CountLedger();
  run.Work(kAnn);
  run.Do(CheckpointEnded{1, absl::ResourceExhaustedError("disk full")});
  EXPECT_EQ(run.coordinator.phase(), Phase::kClosing);
  return run;
}

TEST(CoordinatorTest, TheLastCheckpointIsTriedAgainUntilThereIsRoom) {
  ScriptedRun run = WithoutRoomAtTheEnd();
  run.actions.clear();
  run.Pass(Millis{4000});
  EXPECT_FALSE(run.Last<WriteCheckpoint>().has_value());
  run.Pass(Millis{1000});
  ASSERT_TRUE(run.Last<WriteCheckpoint>().has_value());
  EXPECT_EQ(run.Last<WriteCheckpoint>()->checkpoint, 2);
  EXPECT_TRUE(run.Last<WriteCheckpoint>()->queue.finished);
  run.Do(CheckpointEnded{2, absl::OkStatus()});
  EXPECT_EQ(run.coordinator.phase(), Phase::kStopping);
  EXPECT_TRUE(run.coordinator.end_status().ok());
}

TEST(CoordinatorTest, ARunWhoseLastCheckpointNeverFitsEndsByName) {
  ScriptedRun run = WithoutRoomAtTheEnd();
  uint64_t checkpoint = 1;
  while (run.coordinator.phase() == Phase::kClosing && checkpoint < 100) {
    run.Beat(kServer);
    run.Beat(kAnn);
    run.Pass(Millis{5000});
    ASSERT_EQ(run.Last<WriteCheckpoint>()->checkpoint, ++checkpoint)
        << run.now.count() << " ms: " << run.coordinator.end_message();
    run.Do(CheckpointEnded{checkpoint, absl::ResourceExhaustedError("disk full")});
  }
  EXPECT_EQ(run.now, Millis{120'000});
  EXPECT_EQ(run.coordinator.phase(), Phase::kStopping);
  EXPECT_THAT(std::string(run.coordinator.end_status().message()), HasSubstr("disk full"));
}

TEST(CoordinatorTest, ResumesWithExactlyTheRemainingBlocks) {
  CoordinatorOptions options = SmallRun();
  options.start = {.epoch = 1, .done_blocks = {2, 0}, .finished = false};
  ScriptedRun run = Started(options);
  EXPECT_THAT(run.Work(kAnn), UnorderedElementsAre(1, 3));
  EXPECT_EQ(run.coordinator.phase(), Phase::kCheckingLedger);
}

TEST(CoordinatorTest, AFinishedRunIsOnlyEvaluated) {
  CoordinatorOptions options = SmallRun();
  options.start = {.epoch = 1, .done_blocks = {}, .finished = true};
  ScriptedRun run = Started(options);
  EXPECT_EQ(run.Lease(kAnn).split, "test");
  EXPECT_TRUE(run.Finish(kAnn, *run.Last<LeaseAnswer>()));
  EXPECT_EQ(run.coordinator.phase(), Phase::kStopping);
  EXPECT_TRUE(run.coordinator.end_status().ok());
}

TEST(CoordinatorTest, AFinishedRunWhoseServersHaveLeftEndsWell) {
  CoordinatorOptions options = SmallRun();
  options.start = {.epoch = 1, .done_blocks = {}, .finished = true};
  ScriptedRun run(options);
  while (run.now < Millis{45'000}) run.Pass(Millis{5000});
  EXPECT_EQ(run.coordinator.phase(), Phase::kJoining);
  run.Pass(Millis{100});
  EXPECT_NE(run.coordinator.phase(), Phase::kJoining);
  EXPECT_TRUE(run.coordinator.end_status().ok()) << run.coordinator.end_status();
  EXPECT_THAT(run.coordinator.end_message(), HasSubstr("server 0 (not in)"));
}

TEST(CoordinatorTest, AFinishedRunWaitsForServersThatAreComingBack) {
  CoordinatorOptions options = SmallRun();
  options.start = {.epoch = 1, .done_blocks = {}, .finished = true};
  ScriptedRun run(options);
  run.Ask<Welcome>(ScriptedRun::ServerHello(kServer));
  Heartbeat not_ready;
  not_ready.incarnation = kServer;
  while (run.now < Millis{200'000}) {
    run.Ask<HeartbeatAnswer>(not_ready);
    run.Pass(Millis{5000});
  }
  EXPECT_EQ(run.coordinator.phase(), Phase::kJoining) << run.coordinator.end_message();
}

TEST(CoordinatorTest, AFinishedRunGoesOnForMoreEpochs) {
  CoordinatorOptions options = SmallRun();
  options.start = {.epoch = 1, .done_blocks = {0, 1, 2, 3}, .finished = true};
  options.spec.mutable_job()->mutable_training()->set_epochs(3);
  ScriptedRun run = Started(options);
  EXPECT_EQ(run.coordinator.epoch(), 2);
  EXPECT_THAT(run.Work(kAnn), UnorderedElementsAre(0, 1, 2, 3));
}

TEST(CoordinatorTest, StopsAfterExactlySoManyBatches) {
  CoordinatorOptions options = SmallRun();
  options.spec.set_stop_after_batches(3);
  ScriptedRun run = Started(options);
  const LeaseAnswer whole = run.Lease(kAnn);
  const LeaseAnswer cut = run.Lease(kBob);
  EXPECT_EQ(whole.batches_end, 0);
  EXPECT_EQ(cut.batches_end, 1);
  EXPECT_EQ(run.Lease(kAnn).kind, net::LeaseReply::WAIT);
  EXPECT_TRUE(run.Finish(kAnn, whole));
  EXPECT_TRUE(run.Finish(kBob, cut));
  const WriteCheckpoint order = *run.Last<WriteCheckpoint>();
  EXPECT_THAT(order.queue.done_blocks, testing::ElementsAre(whole.block));
  run.Do(CheckpointEnded{order.checkpoint, absl::OkStatus()});
  EXPECT_TRUE(run.coordinator.end_status().ok());
  EXPECT_EQ(run.coordinator.phase(), Phase::kStopping);
}

TEST(CoordinatorTest, AnEvaluationThatDoesNotAddUpIsDoneAgain) {
  ScriptedRun run = Started();
  run.Work(kAnn);
  run.CountLedger();
  const LeaseAnswer lease = run.Lease(kAnn);
  BlockDone wrong{.incarnation = kAnn, .lease = lease.lease, .block = lease.block};
  EXPECT_EQ(run.Ask<Refusal>(wrong).code, net::INVALID);
  EXPECT_EQ(run.Lease(kBob).block, lease.block);
}

TEST(CoordinatorTest, NobodyIsTakenForDeadWhenTheSchedulerStoodStill) {
  ScriptedRun run = Started();
  run.Pass(Millis{60000});
  EXPECT_EQ(run.coordinator.membership().Count(net::WORKER), 2);
  EXPECT_EQ(run.coordinator.phase(), Phase::kTraining);
}

}  // namespace
}  // namespace caravan::scheduler
