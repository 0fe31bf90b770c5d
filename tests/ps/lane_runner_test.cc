#include "ps/lane_runner.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "lane_fixture.h"
#include "ps/server.h"

namespace caravan::ps {
namespace {

net::Reply Ask(net::DealerSocket& socket, net::Message message) {
  EXPECT_TRUE(socket.Send(std::move(message)).ok());
  auto answer = socket.Receive(Millis{20000});
  EXPECT_TRUE(answer.ok() && answer->has_value());
  return answer.ok() && answer->has_value() ? ReplyOf(**answer) : net::Reply();
}

TEST(LaneRunnerTest, AnswersBeforeItsLaneIsBuiltAndSurvivesGarbage) {
  const TestFolder folder;
  net::Context context;
  const std::string endpoint = "ipc:///tmp/" + std::to_string(getpid()) + "_lane_runner";
  auto runner = LaneRunner::Start(context, endpoint);
  ASSERT_TRUE(runner.ok()) << runner.status();
  EXPECT_TRUE(absl::IsAlreadyExists(LaneRunner::Start(context, endpoint).status()));
  auto socket = net::DealerSocket::Connect(context, endpoint);
  ASSERT_TRUE(socket.ok()) << socket.status();
  net::Header query = RunHeader();
  query.mutable_mark_query();
  EXPECT_EQ(Ask(**socket, net::MakeMessage(query)).code(), net::NOT_READY);
  net::Message garbage;
  garbage.frames.emplace_back("\xff\xff\xff", 3);
  EXPECT_EQ(Ask(**socket, std::move(garbage)).code(), net::INVALID);

  (*runner)->Build([path = folder.Make("db")] {
    return Lane::Create(SmallSpec(), {.run_id = kRunId, .data_directory = path});
  });
  net::Reply reply;
  do {
    reply = Ask(**socket, net::MakeMessage(query));
  } while (reply.code() == net::NOT_READY);
  EXPECT_EQ(reply.code(), net::OK);
  EXPECT_TRUE((*runner)->is_ready());
  EXPECT_TRUE((*runner)->failure().ok());
}

TEST(LaneRunnerTest, ALaneThatCannotBeBuiltSaysWhy) {
  net::Context context;
  auto runner = LaneRunner::Start(
      context, "ipc:///tmp/" + std::to_string(getpid()) + "_lane_runner_that_fails");
  ASSERT_TRUE(runner.ok()) << runner.status();
  (*runner)->Build([]() -> absl::StatusOr<std::unique_ptr<Lane>> {
    return absl::DataLossError("the checkpoint is damaged");
  });
  while ((*runner)->failure().ok()) std::this_thread::yield();
  EXPECT_TRUE(absl::IsDataLoss((*runner)->failure()));
}

TEST(LaneEndpointsTest, EachLaneHasItsOwn) {
  EXPECT_EQ(*LaneEndpoints("tcp://127.0.0.1:7000", 2),
            (std::vector<std::string>{"tcp://127.0.0.1:7000", "tcp://127.0.0.1:7001"}));
  EXPECT_EQ(LaneEndpoints("tcp://127.0.0.1:*", 3)->size(), 3U);
  const TestFolder folder;
  EXPECT_EQ(LaneEndpoints(folder.path(), 2)->at(1), "ipc://" + folder.path() + "/lane-1");
  for (const std::string bad : {"", "tcp://127.0.0.1", "tcp://127.0.0.1:65535"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(LaneEndpoints(bad, 2).status())) << bad;
  }
}

}  // namespace
}  // namespace caravan::ps
