#include "net/request_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <thread>

#include "tests/net/ipc_directory.h"

namespace caravan::net {
namespace {

using ::testing::HasSubstr;

constexpr Millis kPatience{10000};

class RequestClientTest : public testing::Test {
 protected:
  void SetUp() override { BindPeer(); }
  // The peer has a context of its own, as another process has.
  void BindPeer() {
    router_.reset();
    peer_context_ = nullptr;  // waits until the old socket is closed
    peer_context_ = std::make_unique<Context>();
    auto router = RouterSocket::Bind(*peer_context_, directory_.Endpoint("r"));
    ASSERT_TRUE(router.ok()) << router.status();
    router_ = *std::move(router);
  }

  std::unique_ptr<RequestClient> Connect(Millis repeat_after, Millis give_up_after) {
    auto client = RequestClient::Connect(
        context_, {directory_.Endpoint("r")},
        {.repeat_after = repeat_after, .give_up_after = give_up_after, .run_id = 11, .sender = 12});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  // The next request that reaches the peer.
  RouterSocket::Received Next() {
    auto received = router_->Receive(kPatience);
    EXPECT_TRUE(received.ok() && received->has_value());
    return **std::move(received);
  }

  void AnswerWith(const RouterSocket::Received& received, Code code, const std::string& text) {
    const uint64_t id = ParseHeader(received.message)->request_id();
    EXPECT_TRUE(router_->Send(received.identity, MakeError(id, code, text)).ok());
  }

  static Header StatusQuestion() {
    Header header;
    header.mutable_status_request();
    return header;
  }

  IpcDirectory directory_;
  Context context_;
  std::unique_ptr<Context> peer_context_;
  std::unique_ptr<RouterSocket> router_;
};

TEST_F(RequestClientTest, FillsInTheHeaderAndMatchesAnswersInAnyOrder) {
  const auto client = Connect(kPatience, kPatience);
  client->SetRun(21, 3);
  const uint64_t first = client->Start(0, StatusQuestion(), {});
  const uint64_t second = client->Start(0, StatusQuestion(), {});
  const RouterSocket::Received one = Next();
  const RouterSocket::Received two = Next();
  const Header header = *ParseHeader(one.message);
  EXPECT_EQ(header.run_id(), 21);
  EXPECT_EQ(header.sender(), 12);
  EXPECT_EQ(header.routing_epoch(), 3);
  AnswerWith(two, OK, "two");
  AnswerWith(one, OK, "one");
  EXPECT_EQ(client->Await(first)->reply.message(), "one");
  EXPECT_TRUE(client->IsAnswered(second));
  EXPECT_EQ(client->Await(second)->reply.message(), "two");
  EXPECT_GT(client->bytes_sent(), 0);
  EXPECT_GT(client->bytes_received(), 0);
}

TEST_F(RequestClientTest, ErrorsOfThePeerAreAnswersForTheCaller) {
  const auto client = Connect(kPatience, kPatience);
  const uint64_t ticket = client->Start(0, StatusQuestion(), {});
  AnswerWith(Next(), UNKNOWN_KEYS, "send them");
  const auto answer = client->Await(ticket);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->reply.code(), UNKNOWN_KEYS);
  EXPECT_EQ(ReplyStatus(answer->reply).code(), absl::StatusCode::kNotFound);
}

// The peer drops the first request, as a server does that dies; the repeat has the same id and the
// same frames, and the answers to both count once.
TEST_F(RequestClientTest, RepeatsWhenTheAnswerIsLost) {
  const auto client = Connect(Millis{30}, kPatience);
  std::vector<Frame> frames;
  frames.emplace_back(std::string_view("payload"));
  const uint64_t ticket = client->Start(0, StatusQuestion(), std::move(frames));
  std::thread peer([this] {
    const RouterSocket::Received lost = Next();
    const RouterSocket::Received repeat = Next();
    EXPECT_EQ(ParseHeader(lost.message)->request_id(), ParseHeader(repeat.message)->request_id());
    EXPECT_EQ(repeat.message.frames.at(1).to_string_view(), "payload");
    AnswerWith(repeat, OK, "first");
    AnswerWith(repeat, OK, "second");
  });
  const auto answer = client->Await(ticket);
  peer.join();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->reply.message(), "first");
  // A ticket is taken once.
  EXPECT_EQ(client->Await(ticket).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RequestClientTest, AnswersNobodyWaitsForAreDroppedAndCounted) {
  const auto client = Connect(kPatience, kPatience);
  const uint64_t forgotten = client->Start(0, StatusQuestion(), {});
  const uint64_t wanted = client->Start(0, StatusQuestion(), {});
  client->Forget(forgotten);
  const RouterSocket::Received request = Next();
  AnswerWith(request, OK, "too late");
  Message garbage;
  garbage.frames.emplace_back(std::string_view("\xff\xff\xff"));
  ASSERT_TRUE(router_->Send(request.identity, std::move(garbage)).ok());
  AnswerWith(Next(), OK, "wanted");
  EXPECT_EQ(client->Await(wanted)->reply.message(), "wanted");
  EXPECT_EQ(client->answers_dropped(), 2);
}

TEST_F(RequestClientTest, GivesUpByTheDeadlineAndNamesPeerAndKind) {
  const auto client = Connect(Millis{10}, Millis{60});
  const auto answer = client->Call(0, StatusQuestion());
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded);
  const std::string text(answer.status().message());
  EXPECT_THAT(text, HasSubstr("status_request"));
  EXPECT_THAT(text, HasSubstr(directory_.Endpoint("r")));
}

TEST_F(RequestClientTest, CancelFromAnotherThreadEndsTheWait) {
  const auto client = Connect(kPatience, Millis{600000});
  const uint64_t ticket = client->Start(0, StatusQuestion(), {});
  std::thread other([this, &client] {
    Next();
    client->Cancel();
  });
  EXPECT_EQ(client->Await(ticket).status().code(), absl::StatusCode::kCancelled);
  other.join();
  EXPECT_EQ(client->Await(ticket).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(RequestClientTest, APeerThatComesBackIsAskedAgain) {
  const auto client = Connect(Millis{50}, kPatience);
  const uint64_t ticket = client->Start(0, StatusQuestion(), {});
  Next();
  BindPeer();
  std::thread peer([this] { AnswerWith(Next(), OK, "back"); });
  const auto answer = client->Await(ticket);
  peer.join();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->reply.message(), "back");
}

TEST_F(RequestClientTest, ABadEndpointIsRefusedByName) {
  const auto client = RequestClient::Connect(context_, {"nowhere"}, {});
  EXPECT_EQ(client.status().code(), absl::StatusCode::kInvalidArgument);
}

// A server that was replaced listens elsewhere: what is unanswered follows it, in order, at once.
TEST_F(RequestClientTest, WhatIsUnansweredFollowsALaterRouting) {
  auto client = Connect(kPatience, kPatience);
  const uint64_t first = client->Start(0, StatusQuestion(), {});
  const uint64_t second = client->Start(0, StatusQuestion(), {});
  const auto next = RouterSocket::Bind(*peer_context_, directory_.Endpoint("next"));
  ASSERT_TRUE(next.ok()) << next.status();
  client->Reroute({directory_.Endpoint("next")}, 4);
  EXPECT_FALSE(client->IsAnswered(first));
  for (const uint64_t ticket : {first, second}) {
    const auto received = (*next)->Receive(kPatience);
    ASSERT_TRUE(received.ok() && received->has_value());
    const Header header = *ParseHeader((*received)->message);
    EXPECT_EQ(header.request_id(), ticket);
    EXPECT_EQ(header.routing_epoch(), 4);
    ASSERT_TRUE((*next)->Send((*received)->identity, MakeError(ticket, OK, "")).ok());
    EXPECT_TRUE(client->Await(ticket).ok());
  }
  client->Reroute({directory_.Endpoint("r")}, 3);  // an earlier one, late
  client->Start(0, StatusQuestion(), {});
  EXPECT_EQ(client->routing_epoch(), 4);
}

TEST_F(RequestClientTest, AWrongRouteWaitsForALaterRouting) {
  auto client = Connect(kPatience, kPatience);
  const uint64_t ticket = client->Start(0, StatusQuestion(), {});
  AnswerWith(Next(), WRONG_ROUTE, "epoch 1 is over");
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(client->IsAnswered(ticket));
  client->Reroute({directory_.Endpoint("r")}, 2);
  EXPECT_FALSE(client->IsAnswered(ticket));
  const RouterSocket::Received again = Next();
  EXPECT_EQ(ParseHeader(again.message)->routing_epoch(), 2);
  AnswerWith(again, OK, "");
  EXPECT_TRUE(client->Await(ticket).ok());
}

TEST_F(RequestClientTest, NamesItsProcess) {
  auto client = Connect(kPatience, kPatience);
  client->Start(0, StatusQuestion(), {});
  const Header header = *ParseHeader(Next().message);
  EXPECT_EQ(header.pid(), static_cast<uint32_t>(getpid()));
  EXPECT_FALSE(header.host().empty());
}

}  // namespace
}  // namespace caravan::net
