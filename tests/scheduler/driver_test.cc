#include "scheduler/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "net/request_client.h"
#include "scheduler/status.pb.h"
#include "tests/net/ipc_directory.h"

namespace caravan::scheduler {
namespace {

using ::testing::HasSubstr;

class SilentObserver : public Observer {
 public:
  void OnProgress(const Progress&) override {}
  void OnEpoch(const EpochSummary&) override {}
  void OnEvaluation(const Evaluation&) override {}
  void OnCheckpoint(const std::string&, double) override {}
  void OnRunEnd(const absl::Status& status) override { end = status; }
  absl::Status end = absl::UnknownError("the run has not ended");
};

class DriverTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.listen = directory_.Endpoint("s");
    options_.spec.set_run_id(42);
    options_.spec.set_version("1");
    options_.spec.set_run_directory(directory_.path());
    options_.spec.mutable_job()->mutable_training()->set_epochs(1);
    options_.spec.mutable_block_plan()->set_batch_size(10);
    options_.spec.mutable_block_plan()->set_block_batches(2);
    options_.blocks = [](const conf::BlockPlan&) {
      return std::vector<SplitBlocks>{{"train", {20, 5}}};
    };
  }

  net::Answer Ask(net::RequestClient& client, const net::Header& header) {
    auto answer = client.Call(0, header);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : net::Answer();
  }

  net::IpcDirectory directory_;
  SchedulerOptions options_;
  SilentObserver observer_;
  std::atomic<int> stop_signals_ = 0;
};

// Strangers, garbage and requests meant for others are answered and counted; the scheduler goes on.
TEST_F(DriverTest, AnswersWhateverComesAndStopsOnRequest) {
  absl::Status ended;
  std::thread scheduler([&] { ended = RunScheduler(options_, observer_, stop_signals_); });
  net::Context context;
  auto client = *net::RequestClient::Connect(context, {options_.listen}, {.run_id = 42});
  auto stranger = *net::RequestClient::Connect(context, {options_.listen}, {.run_id = 43});

  net::Header hello;
  hello.mutable_hello()->set_incarnation(9);
  const net::Reply refusal = Ask(*stranger, hello).reply;
  EXPECT_EQ(refusal.code(), net::REFUSED);
  EXPECT_THAT(refusal.message(), HasSubstr("it belongs to 000000000000002b"));
  net::Header late_beat;
  late_beat.mutable_heartbeat()->set_incarnation(9);
  EXPECT_EQ(Ask(*stranger, late_beat).reply.code(), net::WRONG_RUN);
  hello.mutable_hello()->set_version("0");
  EXPECT_THAT(Ask(*client, hello).reply.message(), HasSubstr("another version"));
  hello.mutable_hello()->set_version("1");
  const net::Reply welcome = Ask(*client, hello).reply;
  conf::RunSpec spec;
  ASSERT_TRUE(spec.ParseFromString(welcome.welcome().run_spec()));
  EXPECT_EQ(spec.run_id(), 42);

  net::Header misled;
  misled.mutable_pull();
  EXPECT_EQ(Ask(*client, misled).reply.code(), net::INVALID);
  auto dealer = *net::DealerSocket::Connect(context, options_.listen);
  net::Message garbage;
  garbage.frames.emplace_back(std::string_view("\xff\xff\xff\xff"));
  ASSERT_TRUE(dealer->Send(std::move(garbage)).ok());
  const auto answer = dealer->Receive(Millis{10000});
  ASSERT_TRUE(answer.ok() && answer->has_value());
  EXPECT_EQ(net::ParseReply(**answer)->code(), net::INVALID);

  net::Header question;
  question.mutable_status_request();
  const std::string json = Ask(*client, question).reply.status().json();
  EXPECT_THAT(json, HasSubstr("\"phase\":\"joining\""));
  EXPECT_THAT(json, HasSubstr("\"messages_rejected\":2"));
  EXPECT_THAT(json, HasSubstr("\"peers_refused\":3"));
  EXPECT_THAT(json, HasSubstr("\"blocks_total\":2"));
  EXPECT_THAT(json, HasSubstr("\"run_id\":\"000000000000002a\""));

  net::Header stop;
  stop.mutable_stop_request()->set_checkpoint_first(true);
  EXPECT_EQ(Ask(*client, stop).reply.code(), net::OK);
  net::Header beat;
  beat.mutable_heartbeat()->set_incarnation(9);
  while (Ask(*client, beat).reply.heartbeat().order() != net::HeartbeatReply::STOP) {
  }
  scheduler.join();
  EXPECT_EQ(ended.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(observer_.end.code(), absl::StatusCode::kCancelled);
}

TEST_F(DriverTest, AnEndpointInUseIsNamed) {
  net::Context context;
  const auto other = net::RouterSocket::Bind(context, options_.listen);
  ASSERT_TRUE(other.ok());
  const absl::Status status = RunScheduler(options_, observer_, stop_signals_);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options_.listen));
}

TEST_F(DriverTest, ATrainingSplitWithoutSamplesIsNamed) {
  options_.blocks = [](const conf::BlockPlan&) { return std::vector<SplitBlocks>{{"valid", {5}}}; };
  EXPECT_EQ(RunScheduler(options_, observer_, stop_signals_).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace caravan::scheduler
