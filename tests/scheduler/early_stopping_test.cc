#include "scheduler/early_stopping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "net/manifest_file.h"
#include "scheduler/retention.h"
#include "tests/net/ipc_directory.h"
#include "tests/scheduler/scripted_run.h"

namespace caravan::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Phase = Coordinator::Phase;

constexpr uint64_t kAnn = 1;

conf::Training WithPatience(uint32_t patience) {
  conf::Training training;
  training.mutable_early_stopping()->set_patience(patience);
  return training;
}

TEST(EarlyStoppingTest, StopsOnceTheBestIsSoManyEvaluationsAgo) {
  EarlyStopping stopping(WithPatience(2), {});
  const std::vector<double> scores = {0.5, 0.4, 0.4, 0.39, std::nan(""), 0.41};
  for (uint32_t epoch = 0; epoch < scores.size(); ++epoch) {
    EXPECT_FALSE(stopping.has_stopped()) << epoch;
    stopping.Add(epoch, scores[epoch]);
    stopping.Add(epoch, 0.1);  // told again
  }
  EXPECT_TRUE(stopping.has_stopped());
  EXPECT_EQ(stopping.state().best_epoch(), 3);
  EXPECT_EQ(stopping.state().best_score(), 0.39);
  EXPECT_FALSE(EarlyStopping(WithPatience(3), stopping.state()).has_stopped());
  EXPECT_FALSE(EarlyStopping(conf::Training(), stopping.state()).has_stopped());
}

TEST(EarlyStoppingTest, WhatIsNoNumberIsNeverTheBest) {
  EarlyStopping stopping(WithPatience(2), {});
  stopping.Add(0, std::nan(""));
  EXPECT_FALSE(stopping.state().has_best_epoch());
  stopping.Add(1, 0.5);
  EXPECT_EQ(stopping.state().best_epoch(), 1);
  EXPECT_FALSE(stopping.has_stopped());
}

TEST(EarlyStoppingTest, TheScoreIsTheMeanOverCellsThatHaveAFigure) {
  conf::Job job;
  job.mutable_data()->add_tasks();
  job.mutable_data()->add_tasks()->set_loss(conf::CROSS_ENTROPY);
  const auto cell = [](uint32_t task, uint32_t scenario, uint64_t samples, double error,
                       double label, double loss) {
    net::CellSums sums;
    sums.set_task(task);
    sums.set_scenario(scenario);
    sums.set_samples(samples);
    sums.set_absolute_error(error);
    sums.set_label(label);
    sums.set_loss(loss);
    return sums;
  };
  Evaluation evaluation;
  EXPECT_EQ(ValidationScore(job, evaluation), std::numeric_limits<double>::infinity());
  evaluation.cells = {cell(0, 0, 10, 3, 4, 99), cell(0, 1, 10, 3, 0, 99), cell(1, 0, 10, 99, 0, 5)};
  EXPECT_EQ(ValidationScore(job, evaluation), (0.75 + 0.5) / 2);
}

// All epochs score the same in a scripted run.
CoordinatorOptions LongRun(uint32_t patience) {
  CoordinatorOptions options = SmallRun();
  conf::Training& training = *options.spec.mutable_job()->mutable_training();
  training.set_epochs(9);
  training.mutable_early_stopping()->set_patience(patience);
  return options;
}

// Trains an epoch and scores it; the checkpoint that follows.
WriteCheckpoint TrainEpoch(ScriptedRun& run) {
  run.Work(kAnn);
  EXPECT_EQ(run.coordinator.phase(), Phase::kCheckingLedger);
  run.CountLedger();
  EXPECT_FALSE(run.Last<WriteCheckpoint>().has_value()) << "before the score is known";
  const LeaseAnswer valid = run.Lease(kAnn);
  EXPECT_EQ(valid.split, "valid");
  EXPECT_TRUE(run.Finish(kAnn, valid));
  EXPECT_TRUE(run.Last<WriteCheckpoint>().has_value());
  return run.Last<WriteCheckpoint>().value_or(WriteCheckpoint{});
}

TEST(EarlyStoppingTest, ARunEndsEarlyWithTheTestSplitAndACheckpointThatSaysSo) {
  ScriptedRun run(LongRun(1));
  run.JoinServer();
  run.JoinWorker(kAnn);
  const WriteCheckpoint first = TrainEpoch(run);
  EXPECT_FALSE(first.queue.finished);
  EXPECT_EQ(first.queue.epoch, 1);
  EXPECT_EQ(first.queue.ended_epoch, 0);
  EXPECT_EQ(first.queue.validation.best_epoch(), 0);
  run.Do(CheckpointEnded{first.checkpoint, absl::OkStatus()});

  // A scheduler that dies here is followed by one that knows as much.
  ScriptedRun next(LongRun(1));
  ASSERT_TRUE(next.coordinator.SetState(run.coordinator.WholeState()).ok());
  next.request_id = run.request_id;
  next.Beat(kServer);
  const WriteCheckpoint last = TrainEpoch(next);
  EXPECT_TRUE(last.queue.finished);
  EXPECT_EQ(last.queue.ended_epoch, 1);
  EXPECT_EQ(last.queue.validation.best_epoch(), 0);
  const LeaseAnswer test = next.Lease(kAnn);
  EXPECT_EQ(test.split, "test");
  EXPECT_TRUE(next.Finish(kAnn, test));
  next.Do(CheckpointEnded{last.checkpoint, absl::OkStatus()});
  EXPECT_EQ(next.coordinator.phase(), Phase::kStopping);
  EXPECT_TRUE(next.coordinator.end_status().ok());
  EXPECT_THAT(next.coordinator.end_message(), HasSubstr("stopped early, after epoch 2 of 9"));
}

TEST(EarlyStoppingTest, AResumedRunIsScoredOrGoesOnWithMorePatience) {
  for (const uint32_t patience : {1, 2}) {
    CoordinatorOptions options = LongRun(patience);
    options.start = {.epoch = 1, .done_blocks = {}, .finished = true};
    options.start.validation.set_best_score(0.5);
    options.start.validation.set_last_epoch(1);
    options.start.validation.set_evaluations_since_best(1);
    ScriptedRun run(options);
    run.JoinServer();
    run.JoinWorker(kAnn);
    const LeaseAnswer lease = run.Lease(kAnn);
    EXPECT_EQ(lease.split, patience == 1 ? "test" : "train");
    EXPECT_EQ(lease.epoch, patience == 1 ? 1 : 2);
  }
}

TEST(EarlyStoppingTest, TheBestEpochsCheckpointIsFoundAndKept) {
  const net::IpcDirectory directory;
  for (uint64_t number = 1; number <= 5; ++number) {
    conf::Manifest manifest;
    // Number 2 is from within the best epoch, 3 from its end.
    if (number != 2) {
      manifest.mutable_queue()->set_ended_epoch(static_cast<uint32_t>(number < 2 ? 0 : number - 2));
    }
    manifest.mutable_queue()->mutable_validation()->set_best_epoch(number < 3 ? 0 : 1);
    const std::string folder = net::CheckpointDirectory(directory.path(), number);
    std::filesystem::create_directories(folder);
    ASSERT_TRUE(net::WriteManifest(folder, manifest).ok());
  }
  const absl::StatusOr<uint64_t> best = net::BestCheckpoint(directory.path());
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_EQ(*best, 3);
  conf::Checkpoint retention;
  retention.set_keep(1);
  ASSERT_TRUE(PruneCheckpoints(directory.path(), retention).ok());
  EXPECT_THAT(*net::ListCheckpoints(directory.path()), ElementsAre(3, 5));
  std::filesystem::remove_all(net::CheckpointDirectory(directory.path(), 3));
  EXPECT_THAT(std::string(net::BestCheckpoint(directory.path()).status().message()),
              HasSubstr("no checkpoint of the end of epoch 2"));
}

}  // namespace
}  // namespace caravan::scheduler
