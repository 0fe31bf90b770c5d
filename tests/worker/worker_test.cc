#include "worker/worker.h"

#include <cmath>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ps/checkpoint_reader.h"
#include "ps/lane.h"
#include "tests/worker/lane_cluster.h"
#include "tests/worker/lossy_server.h"
#include "tests/worker/simple_scheduler.h"
#include "tests/worker/small_world.h"
#include "worker/local_evaluation.h"
#include "worker/ps_client.h"

namespace caravan::worker {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kLanes = 2;

// Real workers and lanes over real sockets; the scheduler is simple.
class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto run = MakeSmallRun(folder_.path());
    ASSERT_TRUE(run.ok()) << run.status();
    run_ = *std::move(run);
  }

  // After run_ is as the test wants it.
  void Prepare() {
    routing_.set_epoch(1);
    for (const uint32_t lane : net::ShardLanes(run_.job().cluster().shards(), kLanes)) {
      routing_.add_shard_lanes(lane);
    }
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      routing_.add_lane_endpoints(fmt::format("ipc://{}/lane-{}", folder_.path(), lane));
      std::filesystem::create_directories(fmt::format("{}/rows-{}", folder_.path(), lane));
      auto made = ps::Lane::Create(
          run_, {.lane = LaneId{lane},
                 .lanes_total = kLanes,
                 .run_id = run_.run_id(),
                 .data_directory = fmt::format("{}/rows-{}", folder_.path(), lane)});
      ASSERT_TRUE(made.ok()) << made.status();
      lanes_.push_back(*std::move(made));
    }
    scheduler_ = std::make_unique<SimpleScheduler>(run_, routing_);
  }

  void Serve(Faults faults) {
    for (uint32_t lane = 0; lane < kLanes; ++lane, ++faults.seed) {
      servers_.push_back(std::make_unique<LossyServer>(
          context_, routing_.lane_endpoints(static_cast<int>(lane)),
          [this, lane](const net::Message& request) {
            ++lane_requests_;
            return lanes_[lane]->HandleNow(request);
          },
          faults));
      ASSERT_TRUE(servers_.back()->bind_status().ok()) << servers_.back()->bind_status();
    }
    servers_.push_back(std::make_unique<LossyServer>(
        context_, Endpoint(),
        [this](const net::Message& request) { return scheduler_->Handle(request); }, faults));
    ASSERT_TRUE(servers_.back()->bind_status().ok()) << servers_.back()->bind_status();
  }
  void Stop() {
    for (const auto& server : servers_) faults_made_ += server->faults_made();
    servers_.clear();
  }

  std::string Endpoint() const { return fmt::format("ipc://{}/scheduler", folder_.path()); }
  absl::Status Work(const std::atomic<bool>* stop = nullptr) {
    return RunWorker({.scheduler = Endpoint(), .version = "test", .stop = stop});
  }

  net::Reply AskLane(uint32_t lane, net::Header header) {
    header.set_run_id(run_.run_id());
    header.set_routing_epoch(1);
    return *net::ParseReply(lanes_[lane]->HandleNow(net::MakeMessage(header)));
  }

  LaneMap MapOfLanes() const {
    return *LaneMap::Create(run_.model(), net::ShardLanes(run_.job().cluster().shards(), kLanes),
                            kLanes);
  }
  std::unique_ptr<net::RequestClient> ConnectToLanes() {
    auto client = *net::RequestClient::Connect(
        context_, {routing_.lane_endpoints(0), routing_.lane_endpoints(1)},
        {.run_id = run_.run_id(), .sender = 5});
    client->SetRun(run_.run_id(), 1);
    return client;
  }

  // Every shard applied every training sample of every epoch once.
  void ExpectLedger() {
    const uint64_t samples = SamplesOf(run_, "train");
    ASSERT_GT(samples, 500U);
    for (uint32_t epoch = 0; epoch < run_.job().training().epochs(); ++epoch) {
      for (uint32_t lane = 0; lane < kLanes; ++lane) {
        net::Header header;
        header.mutable_ledger_query()->set_epoch(epoch);
        const net::Reply reply = AskLane(lane, header);
        ASSERT_EQ(reply.ledger().shards_size(), 16 / kLanes) << reply.message();
        for (const uint64_t counted : reply.ledger().samples()) EXPECT_EQ(counted, samples);
      }
    }
  }

  void ExpectEvaluation() {
    uint64_t samples = 0;
    for (const auto& [place, cell] : scheduler_->cells) samples += cell.samples();
    EXPECT_EQ(samples, SamplesOf(run_, "valid") * 2);
  }

  // All dense parameters, as the lanes hold them.
  std::string DenseBytes() {
    std::string bytes;
    const LaneMap map = MapOfLanes();
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      net::Header header;
      header.set_run_id(run_.run_id());
      header.set_routing_epoch(1);
      net::Pull& pull = *header.mutable_pull();
      for (size_t i = 0; i < map.LaneChunks(lane).size(); ++i) pull.add_chunk_versions(0);
      net::Message request = net::MakeMessage(header);
      request.frames.emplace_back();
      const net::Message answer = lanes_[lane]->HandleNow(request);
      if (answer.frames.size() > 2) bytes += answer.frames[2].to_string();
    }
    return bytes;
  }

  TemporaryFolder folder_;
  conf::RunSpec run_;
  net::Routing routing_;
  net::Context context_;
  std::vector<std::unique_ptr<ps::Lane>> lanes_;
  std::unique_ptr<SimpleScheduler> scheduler_;
  std::vector<std::unique_ptr<LossyServer>> servers_;
  std::atomic<uint32_t> lane_requests_ = 0;
  uint32_t faults_made_ = 0;
};

TEST_F(WorkerTest, TwoWorkersTrainEverySampleOnce) {
  Prepare();
  scheduler_->routing_after = 3;
  Serve({});
  absl::Status other;
  std::thread thread([&] { other = Work(); });
  EXPECT_EQ(Work(), absl::OkStatus());
  thread.join();
  EXPECT_EQ(other, absl::OkStatus());
  Stop();
  EXPECT_TRUE(scheduler_->done);
  EXPECT_EQ(scheduler_->workers.size(), 2U);
  EXPECT_LE(scheduler_->samples_told, SamplesOf(run_, "train") * 2);
  ExpectLedger();
  ExpectEvaluation();
}

TEST_F(WorkerTest, ReptileTrainsEverySampleOnce) {
  run_.mutable_job()->mutable_training()->mutable_reptile()->set_inner_steps(3);
  Prepare();
  Serve({});
  EXPECT_EQ(Work(), absl::OkStatus());
  Stop();
  EXPECT_TRUE(scheduler_->done);
  ExpectLedger();
  ExpectEvaluation();
}

TEST_F(WorkerTest, ExactlyOnceWhateverGetsLostAndWhoeverLeaves) {
  Prepare();
  scheduler_->lease_lasts = Millis{150};
  Serve({.seed = 3, .lost_requests = 20, .lost_answers = 20, .twice = 20, .late = 20});
  std::atomic<bool> stop = false;
  absl::Status left;
  absl::Status other;
  std::thread leaver([&] { left = Work(&stop); });
  std::thread thread([&] { other = Work(); });
  std::thread signal([&] {
    while (lane_requests_ < 100) std::this_thread::yield();  // in the midst of it
    stop = true;
  });
  EXPECT_EQ(Work(), absl::OkStatus());
  for (std::thread* t : {&leaver, &thread, &signal}) t->join();
  EXPECT_EQ(left, absl::OkStatus());
  EXPECT_EQ(other, absl::OkStatus());
  Stop();
  EXPECT_GT(faults_made_, 20U);
  EXPECT_GT(scheduler_->leases_taken_away, 0U);
  ExpectLedger();
  ExpectEvaluation();
}

TEST_F(WorkerTest, OneWorkerInTurnsGivesTheSameBitsAgain) {
  run_.mutable_job()->mutable_training()->set_consistency(conf::SYNC);
  std::string first;
  for (int round = 0; round < 2; ++round) {
    lanes_.clear();
    routing_.Clear();
    Prepare();
    const std::string initial = DenseBytes();
    Serve({});
    EXPECT_EQ(Work(), absl::OkStatus());
    Stop();
    ExpectLedger();
    const std::string trained = DenseBytes();
    EXPECT_GT(trained.size(), 1000U);
    EXPECT_NE(trained, initial);
    if (round == 0) first = trained;
    EXPECT_EQ(trained, first);
  }
}

// What the lanes hold: their weights or the averages of them.
class PartSource final : public ParameterSource {
 public:
  PartSource(PsClient* servers, bool averages) : servers_(servers), averages_(averages) {}
  absl::Status Pull(const TableKeys& keys, Parameters& parameters) override {
    parameters.SetAverages(averages_);
    return servers_->Pull(keys, parameters);
  }

 private:
  PsClient* const servers_;
  const bool averages_;
};

TEST_F(WorkerTest, TrainsWeightsAndEvaluatesTheirAverages) {
  conf::Training& training = *run_.mutable_job()->mutable_training();
  training.set_consistency(conf::SYNC);
  std::string plain;
  for (const bool averages : {false, true}) {
    lanes_.clear();
    routing_.Clear();
    if (averages) training.mutable_weight_averaging();
    Prepare();
    Serve({});
    EXPECT_EQ(Work(), absl::OkStatus());
    if (!averages) {
      Stop();
      plain = DenseBytes();
    }
  }

  const std::unique_ptr<net::RequestClient> client = ConnectToLanes();
  const LaneMap map = MapOfLanes();
  PsClient servers(client.get(), &map, Millis{5000});
  const SplitOfRun split{.run = &run_, .data_directory = run_.data_directory(), .split = "valid"};
  PartSource averages(&servers, true);
  PartSource weights(&servers, false);
  const auto by_averages = EvaluateSplit(split, averages);
  const auto by_weights = EvaluateSplit(split, weights);
  ASSERT_TRUE(by_averages.ok()) << by_averages.status();
  ASSERT_TRUE(by_weights.ok()) << by_weights.status();
  for (const auto& [place, told] : scheduler_->cells) {
    const double loss = by_averages->cell(place.first, place.second).loss;
    const double tolerance = 1e-5 * std::abs(loss);
    EXPECT_NEAR(told.loss(), loss, tolerance);
    EXPECT_GT(std::abs(told.loss() - by_weights->cell(place.first, place.second).loss), tolerance);
  }
  Stop();
  ExpectEvaluation();
  EXPECT_EQ(DenseBytes(), plain) << "what is trained";
}

// The first values, as a checkpoint reader gives them.
class InitialSource final : public ParameterSource {
 public:
  explicit InitialSource(const conf::RunSpec& run)
      : reader_(ps::InitialState(run.model(), run.job().training().seed())) {}
  absl::Status Pull(const TableKeys& keys, Parameters& parameters) override {
    parameters.dense = *reader_->Dense();
    parameters.rows.resize(keys.size());
    for (uint32_t table = 0; table < keys.size(); ++table) {
      const absl::Status status =
          reader_->Rows(TableId{table}, keys[table], parameters.rows[table]);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<ps::CheckpointReader> reader_;
};

TEST_F(WorkerTest, LocalEvaluationSeesEverySampleAndTheServersValues) {
  Prepare();
  Serve({});
  const std::unique_ptr<net::RequestClient> client = ConnectToLanes();
  const LaneMap map = MapOfLanes();
  PsClient servers(client.get(), &map, Millis{5000});
  InitialSource initial(run_);
  const SplitOfRun split{.run = &run_, .data_directory = run_.data_directory(), .split = "test"};
  const auto by_servers = EvaluateSplit(split, servers);
  const auto by_initial = EvaluateSplit(split, initial);
  ASSERT_TRUE(by_servers.ok()) << by_servers.status();
  ASSERT_TRUE(by_initial.ok()) << by_initial.status();
  uint64_t samples = 0;
  for (uint32_t scenario = 0; scenario < 3; ++scenario) {
    const model::CellSums& cell = by_servers->cell(0, scenario);
    samples += cell.samples;
    EXPECT_GT(cell.absolute_error, 0);
    EXPECT_EQ(cell.absolute_error, by_initial->cell(0, scenario).absolute_error);
    EXPECT_EQ(cell.loss, by_initial->cell(0, scenario).loss);
  }
  EXPECT_EQ(samples, SamplesOf(run_, "test"));
}

TEST_F(WorkerTest, LocalEvaluationNamesTheSplitsThereAre) {
  InitialSource initial(run_);
  const auto metrics = EvaluateSplit(
      {.run = &run_, .data_directory = run_.data_directory(), .split = "tets"}, initial);
  EXPECT_EQ(metrics.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(metrics.status().message()), HasSubstr("it has: train, valid, test"));
}

TEST_F(WorkerTest, TakenForDeadItJoinsAnew) {
  Prepare();
  scheduler_->forgets_after = 3;
  scheduler_->lease_lasts = Millis{100};
  Serve({});
  EXPECT_EQ(Work(), absl::OkStatus());
  Stop();
  EXPECT_EQ(scheduler_->forgets_after, 0U);
  EXPECT_TRUE(scheduler_->done);
  ExpectLedger();
}

TEST_F(WorkerTest, ARefusalSaysWhy) {
  Prepare();
  scheduler_->refuses = "this is job b, you have job a";
  Serve({});
  const absl::Status status = Work();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("you have job a"));
}

TEST_F(WorkerTest, AnotherModelIsRefusedByName) {
  run_.mutable_model()->mutable_tensors(0)->set_name("another");
  Prepare();
  Serve({});
  const absl::Status status = Work();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("builds another 'm2m'"));
}

TEST_F(WorkerTest, GivesUpOnASchedulerThatIsGone) {
  run_.mutable_job()->mutable_worker()->set_give_up_after_ms(300);
  run_.mutable_job()->mutable_cluster()->set_away_max_ms(1000);
  Prepare();
  scheduler_->is_silent = true;
  Serve({});
  const absl::Status status = Work();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr(Endpoint()));
}

}  // namespace
}  // namespace caravan::worker
