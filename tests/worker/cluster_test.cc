// All roles as they are, in one process: scheduler, servers, workers.
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/block_plan.h"
#include "ps/server.h"
#include "scheduler/driver.h"
#include "tests/worker/lane_cluster.h"
#include "tests/worker/small_world.h"
#include "worker/worker.h"

namespace caravan::worker {
namespace {

class RecordingObserver final : public scheduler::Observer {
 public:
  void OnProgress(const scheduler::Progress&) override {}
  void OnEpoch(const scheduler::EpochSummary& epoch) override { epochs.push_back(epoch); }
  void OnEvaluation(const scheduler::Evaluation& evaluation) override {
    evaluations.push_back(evaluation);
  }
  void OnCheckpoint(const std::string& directory, double) override {
    checkpoints.push_back(directory);
  }
  void OnRunEnd(const absl::Status& status) override { end = status; }

  std::vector<scheduler::EpochSummary> epochs;
  std::vector<scheduler::Evaluation> evaluations;
  std::vector<std::string> checkpoints;
  absl::Status end = absl::UnknownError("the run did not end");
};

std::vector<scheduler::SplitBlocks> BlocksOf(const conf::RunSpec& run,
                                             const conf::BlockPlan& plan) {
  std::vector<scheduler::SplitBlocks> all;
  for (const conf::SplitSchema& split : run.schema().splits()) {
    scheduler::SplitBlocks blocks;
    blocks.split = split.name();
    for (const data::BlockExtent& block : data::Blocks(plan, split)) {
      blocks.samples.push_back(block.samples);
    }
    all.push_back(std::move(blocks));
  }
  return all;
}

class ClusterTest : public ::testing::TestWithParam<conf::Consistency> {};

TEST_P(ClusterTest, TrainsEverySampleOnceOnEveryShard) {
  TemporaryFolder folder;
  auto made = MakeSmallRun(folder.path());
  ASSERT_TRUE(made.ok()) << made.status();
  conf::RunSpec run = *std::move(made);
  run.mutable_job()->mutable_training()->set_consistency(GetParam());
  run.mutable_job()->mutable_cluster()->set_servers(1);
  run.mutable_job()->mutable_cluster()->set_lanes(2);
  run.set_version("test");
  const std::string endpoint = fmt::format("ipc://{}/scheduler", folder.path());

  RecordingObserver observer;
  const std::atomic<int> stop_signals = 0;
  absl::Status scheduled;
  std::thread scheduler([&] {
    scheduled = scheduler::RunScheduler(
        {.listen = endpoint,
         .spec = run,
         .blocks = [&run](const conf::BlockPlan& plan) { return BlocksOf(run, plan); }},
        observer, stop_signals);
  });
  absl::Status served;
  std::thread server([&] {
    served = ps::RunServer({.scheduler = endpoint,
                            .listen = "ipc://" + folder.path() + "/lanes",
                            .lanes = 2,
                            .state_directory = folder.path() + "/state",
                            .version = "test"});
  });
  absl::Status worked[2];
  std::thread workers[2];
  for (int i = 0; i < 2; ++i) {
    workers[i] = std::thread([&worked, &endpoint, i] {
      worked[i] = RunWorker({.scheduler = endpoint, .version = "test"});
    });
  }
  for (std::thread* thread : {&scheduler, &server, &workers[0], &workers[1]}) thread->join();

  EXPECT_EQ(scheduled, absl::OkStatus());
  EXPECT_EQ(served, absl::OkStatus());
  for (const absl::Status& status : worked) EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(observer.end, absl::OkStatus());
  const uint64_t samples = SamplesOf(run, "train");
  ASSERT_EQ(observer.epochs.size(), 2U);
  for (const scheduler::EpochSummary& epoch : observer.epochs) {
    EXPECT_EQ(epoch.ledger_expected, samples);
    EXPECT_EQ(epoch.ledger, std::vector<uint64_t>(16, samples));
  }
  ASSERT_FALSE(observer.evaluations.empty());
  EXPECT_EQ(observer.evaluations.back().split, "test");
  EXPECT_EQ(observer.evaluations.back().samples, SamplesOf(run, "test"));
  EXPECT_FALSE(observer.checkpoints.empty());
}

INSTANTIATE_TEST_SUITE_P(All, ClusterTest,
                         ::testing::Values(conf::ASYNC, conf::BOUNDED, conf::SYNC),
                         [](const auto& test) { return conf::Consistency_Name(test.param); });

}  // namespace
}  // namespace caravan::worker
