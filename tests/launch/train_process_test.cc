// `caravan train` as users run it: real processes, really killed, on a small job.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "launch/child_process.h"
#include "launch/report/run_record.h"
#include "launch/run_directory.h"
#include "net/manifest_file.h"

namespace caravan::launch {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{120};

class TrainProcessTest : public ::testing::Test {
 protected:
  TrainProcessTest()
      : folder_(fmt::format("{}caravan_train_{}", ::testing::TempDir(), getpid())),
        log_(folder_ + "/train.log"),
        run_(*RunDirectory::At(folder_ + "/run")) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    WriteTables();
  }
  ~TrainProcessTest() override { fs::remove_all(folder_); }

  // 30 entities in two scenarios over 90 days, each with a weekly rhythm of its own.
  void WriteTables() const {
    std::ofstream scenarios(folder_ + "/scenarios.csv");
    scenarios << "scenario,name\nA,North\nB,South\n";
    std::ofstream entities(folder_ + "/entities.csv");
    entities << "entity,kind\n";
    for (int entity = 0; entity < 30; ++entity)
      entities << fmt::format("e{},k{}\n", entity, entity % 3);
    std::ofstream daily(folder_ + "/daily.csv");
    daily << "date,entity,scenario,views,clicks\n";
    for (int day = 0; day < 90; ++day) {
      for (const char* scenario : {"A", "B"}) {
        for (int entity = 0; entity < 30; ++entity) {
          const int views = 1 + entity + 3 * ((day + entity) % 7);
          daily << fmt::format("2001-{:02}-{:02},e{},{},{},{}\n", 1 + day / 28, 1 + day % 28,
                               entity, scenario, views, views / 2);
        }
      }
    }
    std::ofstream(folder_ + "/job.txtpb") << R"(name: "small"
data {
  directory: "." daily_file: "daily.csv" entities_file: "entities.csv"
  behaviour_columns: "views" performance_columns: "clicks" profile_columns: "kind"
  tasks { name: "clicks" } history_days: 8 horizon_days: 3 buckets: 8
}
model { embedding_width: 4 heads: 1 experts: 2 view_width: 8
  meta { scope: SHARED layers: 1 scenario_width: 4 tower_layers: 1 } }
training { epochs: 40 batch_size: 32 evaluate_every_epochs: 0 }
cluster { shards: 12 heartbeat_ms: 200 dead_after_ms: 2000 }
checkpoint { every_epochs: 10 }
)";
  }

  ChildProcess StartTrain(std::vector<std::string> flags) {
    std::vector<std::string> arguments = {CARAVAN_EXECUTABLE, "train", "--run=" + run_.path()};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    absl::StatusOr<ChildProcess> train = ChildProcess::Start(arguments, log_);
    EXPECT_TRUE(train.ok()) << std::string(train.status().message());
    return *std::move(train);
  }
  ChildProcess StartNew(std::vector<std::string> flags = {}) {
    flags.push_back("--job=" + folder_ + "/job.txtpb");
    for (const char* size : {"--workers=3", "--servers=2", "--lanes=2"}) flags.push_back(size);
    return StartTrain(flags);
  }

  // Waits until `done`; false when it takes too long.
  static bool Await(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  ExitOfProcess AwaitExit(ChildProcess& train) const {
    EXPECT_TRUE(Await([&] { return train.Poll().has_value(); })) << Log();
    train.Kill();
    return *train.Poll();
  }
  // Waits until some epochs are trained: the run is in full swing.
  bool AwaitEpochs(size_t epochs) const {
    return Await([&] { return Epochs().size() >= epochs; });
  }

  std::string Log() const { return ReadFile(log_).value_or(""); }

  std::vector<EpochRecord> Epochs() const {
    const auto spec = LoadRunSpec(run_);
    if (!spec.ok()) return {};
    const auto record = LoadRunRecord(run_.MetricsFile(), spec->schema());
    return record.ok() ? record->epochs : std::vector<EpochRecord>();
  }

  // Pids of the processes that `parent` has started, whose command line has `word`.
  static std::set<pid_t> Children(pid_t parent, const std::string& word) {
    std::set<pid_t> children;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
      std::ifstream stat(entry.path() / "stat");
      std::string text;
      if (!std::getline(stat, text)) continue;
      std::istringstream rest(text.substr(text.rfind(')') + 1));
      char state = 0;
      pid_t of = 0;
      rest >> state >> of;
      std::ifstream line(entry.path() / "cmdline");
      std::string words((std::istreambuf_iterator<char>(line)), std::istreambuf_iterator<char>());
      if (of == parent && words.find(word) != std::string::npos) {
        children.insert(std::stoi(entry.path().filename().string()));
      }
    }
    return children;
  }
  static bool NoneIsThere(const std::set<pid_t>& pids) {
    for (const pid_t pid : pids) {
      if (kill(pid, 0) == 0) return false;
    }
    return true;
  }

  void ExpectExactLedger(size_t epochs) const {
    const std::vector<EpochRecord> records = Epochs();
    ASSERT_EQ(records.size(), epochs) << Log();
    for (const EpochRecord& epoch : records) {
      EXPECT_EQ(epoch.ledger.size(), 12u);
      EXPECT_GT(epoch.ledger_expected, 0);
      EXPECT_THAT(epoch.ledger, Each(epoch.ledger_expected));
    }
  }

  std::string folder_;
  std::string log_;
  RunDirectory run_;
};

TEST_F(TrainProcessTest, AKilledWorkerCostsNoSample) {
  ChildProcess train = StartNew();
  ASSERT_TRUE(AwaitEpochs(2)) << Log();
  const std::set<pid_t> workers = Children(train.pid(), "worker");
  ASSERT_EQ(workers.size(), 3u);
  kill(*workers.begin(), SIGKILL);
  EXPECT_TRUE(AwaitExit(train).ok()) << Log();
  EXPECT_THAT(Log(), HasSubstr("ended by signal 9 (Killed); started anew"));
  ExpectExactLedger(40);
  EXPECT_TRUE(fs::exists(run_.ReportFile()));
}

TEST_F(TrainProcessTest, CtrlCCheckpointsAndLeavesNothingBehind) {
  ChildProcess train = StartNew();
  ASSERT_TRUE(AwaitEpochs(2)) << Log();
  const std::set<pid_t> children = Children(train.pid(), "caravan");
  ASSERT_EQ(children.size(), 6u);
  kill(train.pid(), SIGINT);
  EXPECT_EQ(AwaitExit(train).code, 1) << Log();
  EXPECT_THAT(Log(), HasSubstr("stopped after a checkpoint; go on by --resume"));
  EXPECT_TRUE(NoneIsThere(children));
  EXPECT_TRUE(net::LatestCheckpoint(run_.CheckpointsDirectory()).ok());

  ChildProcess resumed = StartTrain({"--resume", "--workers=2", "--servers=1", "--lanes=3"});
  EXPECT_TRUE(AwaitExit(resumed).ok()) << Log();
  const std::vector<EpochRecord> epochs = Epochs();
  ASSERT_FALSE(epochs.empty());
  EXPECT_EQ(epochs.back().epoch, 39u);
  for (const EpochRecord& epoch : epochs) EXPECT_THAT(epoch.ledger, Each(epoch.ledger_expected));
}

TEST_F(TrainProcessTest, AKilledLauncherTakesItsProcessesAlong) {
  ChildProcess train = StartNew();
  ASSERT_TRUE(AwaitEpochs(1)) << Log();
  const std::set<pid_t> children = Children(train.pid(), "caravan");
  ASSERT_EQ(children.size(), 6u);
  train.Kill();
  EXPECT_TRUE(Await([&] { return NoneIsThere(children); }));
}

TEST_F(TrainProcessTest, AKilledServerAndSchedulerCostNoSampleAndNobodyElse) {
  ChildProcess train = StartNew();
  ASSERT_TRUE(AwaitEpochs(2)) << Log();
  const std::set<pid_t> workers = Children(train.pid(), "worker");
  kill(*Children(train.pid(), "server").begin(), SIGKILL);
  ASSERT_TRUE(AwaitEpochs(4)) << Log();
  kill(*Children(train.pid(), "scheduler").begin(), SIGKILL);
  ASSERT_TRUE(AwaitEpochs(6)) << Log();
  EXPECT_EQ(Children(train.pid(), "worker"), workers);
  EXPECT_TRUE(AwaitExit(train).ok()) << Log();
  ExpectExactLedger(40);

  ChildProcess resumed = StartTrain({"--resume"});
  EXPECT_TRUE(AwaitExit(resumed).ok()) << Log();
  EXPECT_THAT(Log(), HasSubstr("all 40 epochs are done and evaluated already"));
}

TEST_F(TrainProcessTest, ASecondCtrlCStopsAtOnce) {
  ChildProcess train = StartNew();
  ASSERT_TRUE(AwaitEpochs(1)) << Log();
  const std::set<pid_t> children = Children(train.pid(), "caravan");
  // The scheduler stands still, so that no checkpoint can end the run in between.
  kill(*Children(train.pid(), "scheduler").begin(), SIGSTOP);
  kill(train.pid(), SIGINT);
  kill(train.pid(), SIGTERM);
  EXPECT_EQ(AwaitExit(train).code, 1) << Log();
  EXPECT_THAT(Log(), HasSubstr("stopped at once"));
  EXPECT_TRUE(NoneIsThere(children));
}

TEST_F(TrainProcessTest, ARunIsNotStartedTwice) {
  ChildProcess train = StartNew();
  ASSERT_TRUE(AwaitEpochs(1)) << Log();
  ChildProcess second = StartNew();
  EXPECT_EQ(AwaitExit(second).code, 2);
  ChildProcess resumed = StartTrain({"--resume"});
  EXPECT_EQ(AwaitExit(resumed).code, 2);
  EXPECT_THAT(Log(), HasSubstr("is in use by another process"));
  EXPECT_FALSE(train.Poll().has_value()) << "the first goes on undisturbed";
}

TEST_F(TrainProcessTest, AWrongInputIsTheUsersAndStartsNothing) {
  ChildProcess field = StartNew({"--set=training.epoch=3"});
  EXPECT_EQ(AwaitExit(field).code, 2);
  EXPECT_THAT(Log(), HasSubstr("did you mean epochs?"));
  ChildProcess column = StartNew({"--set=data.behaviour_columns=vews"});
  EXPECT_EQ(AwaitExit(column).code, 2);
  EXPECT_THAT(Log(), HasSubstr("vews"));
  ChildProcess resume = StartTrain({"--resume"});
  EXPECT_EQ(AwaitExit(resume).code, 2);
  EXPECT_THAT(Log(), HasSubstr("holds no run"));
}

TEST_F(TrainProcessTest, StopsAfterTheBatchesAskedFor) {
  ChildProcess train = StartTrain(
      {"--job=" + folder_ + "/job.txtpb", "--workers=1", "--servers=1", "--stop_after_batches=7"});
  EXPECT_TRUE(AwaitExit(train).ok()) << Log();
  EXPECT_TRUE(net::LatestCheckpoint(run_.CheckpointsDirectory()).ok());
  EXPECT_TRUE(Epochs().empty());
}

// At such a rate no score falls, but for the order in which blocks are added up.
TEST_F(TrainProcessTest, StopsEarlyAndKeepsTheBestEpoch) {
  ChildProcess train =
      StartNew({"--set=training.early_stopping.patience=2", "--set=checkpoint.keep=1",
                "--set=training.evaluate_every_epochs=1", "--set=checkpoint.every_epochs=1",
                "--set=training.optimizer.adam.learning_rate=1e-30"});
  EXPECT_TRUE(AwaitExit(train).ok()) << Log();
  EXPECT_LT(Epochs().size(), 40);
  EXPECT_THAT(Log(), HasSubstr("stopped early"));
  const absl::StatusOr<uint64_t> best = net::BestCheckpoint(run_.CheckpointsDirectory());
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_LT(*best, net::ListCheckpoints(run_.CheckpointsDirectory())->back());
  auto evaluate = ChildProcess::Start(
      {CARAVAN_EXECUTABLE, "evaluate", "--run=" + run_.path(), "--checkpoint=best"}, log_);
  ASSERT_TRUE(evaluate.ok());
  EXPECT_TRUE(AwaitExit(*evaluate).ok()) << Log();
  EXPECT_THAT(Log(), HasSubstr(fmt::format("checkpoint {}\n", *best)));
  ChildProcess resumed = StartTrain({"--resume"});
  EXPECT_TRUE(AwaitExit(resumed).ok()) << Log();
  EXPECT_THAT(Log(), HasSubstr("nothing is left to do"));
}

}  // namespace
}  // namespace caravan::launch
