#include "net/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/net/ipc_directory.h"

namespace caravan::net {
namespace {

using ::testing::HasSubstr;

constexpr Millis kPatience{10000};

class SocketTest : public testing::Test {
 protected:
  std::unique_ptr<RouterSocket> BindRouter(const std::string& name) {
    auto router = RouterSocket::Bind(context_, directory_.Endpoint(name));
    EXPECT_TRUE(router.ok()) << router.status();
    return *std::move(router);
  }
  std::unique_ptr<DealerSocket> ConnectDealer(const std::string& name) {
    auto dealer = DealerSocket::Connect(context_, directory_.Endpoint(name));
    EXPECT_TRUE(dealer.ok()) << dealer.status();
    return *std::move(dealer);
  }

  IpcDirectory directory_;
  Context context_;
};

Message Request(uint64_t id) {
  Header header;
  header.set_request_id(id);
  header.mutable_status_request();
  return MakeMessage(header);
}

TEST_F(SocketTest, AMessageGoesThereAndBack) {
  const auto router = BindRouter("a");
  const auto dealer = ConnectDealer("a");
  Message request = Request(5);
  AddFrame(request, std::vector<float>(100000, 1.5F));
  ASSERT_TRUE(dealer->Send(std::move(request)).ok());

  auto received = router->Receive(kPatience);
  ASSERT_TRUE(received.ok() && received->has_value());
  EXPECT_EQ(ParseHeader((*received)->message)->request_id(), 5);
  std::vector<float> storage;
  EXPECT_EQ(FloatFrame((*received)->message, 1, storage)->size(), 100000);

  ASSERT_TRUE(router->Send((*received)->identity, MakeError(5, NOT_READY, "later")).ok());
  const auto answer = dealer->Receive(kPatience);
  ASSERT_TRUE(answer.ok() && answer->has_value());
  EXPECT_EQ(ParseReply(**answer)->code(), NOT_READY);
}

TEST_F(SocketTest, NothingComesWhenNobodySends) {
  const auto router = BindRouter("a");
  const auto received = router->Receive(Millis{1});
  ASSERT_TRUE(received.ok());
  EXPECT_FALSE(received->has_value());
}

TEST_F(SocketTest, TooManyFramesAreCountedAnsweredAndDropped) {
  const auto router = BindRouter("a");
  const auto dealer = ConnectDealer("a");
  Message request = Request(5);
  for (size_t i = 0; i < kFramesMax; ++i) AddFrame(request, std::vector<float>{1});
  ASSERT_TRUE(dealer->Send(std::move(request)).ok());
  Message good = Request(6);
  ASSERT_TRUE(dealer->Send(std::move(good)).ok());

  std::vector<uint64_t> ids;
  for (int i = 0; i < 2; ++i) {
    const auto received = router->Receive(kPatience);
    ASSERT_TRUE(received.ok());
    if (received->has_value()) ids.push_back(ParseHeader((*received)->message)->request_id());
  }
  EXPECT_THAT(ids, testing::ElementsAre(6));
  EXPECT_EQ(router->messages_rejected(), 1);
  const auto answer = dealer->Receive(kPatience);
  ASSERT_TRUE(answer.ok() && answer->has_value());
  const Reply reply = *ParseReply(**answer);
  EXPECT_EQ(reply.request_id(), 5);
  EXPECT_EQ(reply.code(), INVALID);
  EXPECT_THAT(reply.message(), HasSubstr("9 frames, at most 8"));
}

TEST_F(SocketTest, AnOversizeHeaderIsCountedAnsweredAndDropped) {
  const auto router = BindRouter("a");
  const auto dealer = ConnectDealer("a");
  Message request;
  request.frames.emplace_back(kHeaderBytesMax + 1);
  ASSERT_TRUE(dealer->Send(std::move(request)).ok());
  const auto received = router->Receive(kPatience);
  ASSERT_TRUE(received.ok());
  EXPECT_FALSE(received->has_value());
  EXPECT_EQ(router->messages_rejected(), 1);
  const auto answer = dealer->Receive(kPatience);
  ASSERT_TRUE(answer.ok() && answer->has_value());
  EXPECT_EQ(ParseReply(**answer)->code(), INVALID);
}

// Whatever bytes arrive, the socket goes on serving the next peer.
TEST_F(SocketTest, GarbageFramesLeaveTheSocketServing) {
  const auto router = BindRouter("a");
  const auto dealer = ConnectDealer("a");
  RandomStream random(3);
  constexpr uint64_t kMessages = 100;
  for (uint64_t i = 0; i < kMessages; ++i) {
    Message garbage;
    for (uint64_t frame = 0; frame <= random.NextBelow(12); ++frame) {
      std::vector<std::byte> bytes(random.NextBelow(100));
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.NextBits());
      AddFrame(garbage, bytes);
    }
    ASSERT_TRUE(dealer->Send(std::move(garbage)).ok());
  }
  const auto other = ConnectDealer("a");
  ASSERT_TRUE(other->Send(Request(1234567)).ok());
  bool served = false;
  for (uint64_t i = 0; i <= kMessages; ++i) {
    const auto received = router->Receive(kPatience);
    ASSERT_TRUE(received.ok()) << received.status();
    if (!received->has_value()) continue;
    const auto header = ParseHeader((*received)->message);
    served = served || (header.ok() && header->request_id() == 1234567);
  }
  EXPECT_TRUE(served);
  EXPECT_GT(router->messages_rejected(), 0);
}

TEST_F(SocketTest, AnEndpointInUseIsNamed) {
  const auto router = BindRouter("a");
  const auto second = RouterSocket::Bind(context_, directory_.Endpoint("a"));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(directory_.Endpoint("a")));

  const auto tcp = RouterSocket::Bind(context_, "tcp://127.0.0.1:*");
  ASSERT_TRUE(tcp.ok()) << tcp.status();
  const auto same = RouterSocket::Bind(context_, (*tcp)->endpoint());
  EXPECT_EQ(same.status().code(), absl::StatusCode::kAlreadyExists) << same.status();
  EXPECT_THAT(std::string(same.status().message()), HasSubstr((*tcp)->endpoint()));
}

TEST_F(SocketTest, AStaleIpcFileIsReused) {
  const std::string endpoint = directory_.Endpoint("a");
  {
    // What a killed process leaves: a socket file that nobody listens at.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_.path() + "/a";
    path.copy(address.sun_path, path.size());
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::close(descriptor);
  }
  const auto router = RouterSocket::Bind(context_, endpoint);
  EXPECT_TRUE(router.ok()) << router.status();
}

TEST_F(SocketTest, APeerThatIsGoneIsUnavailable) {
  const auto router = BindRouter("a");
  EXPECT_EQ(router->Send("nobody", Request(1)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SocketTest, PollNamesTheReadableSockets) {
  const auto router = BindRouter("a");
  const auto first = ConnectDealer("a");
  const auto second = ConnectDealer("a");
  ASSERT_TRUE(second->Send(Request(1)).ok());
  const auto received = router->Receive(kPatience);
  ASSERT_TRUE(received.ok() && received->has_value());
  ASSERT_TRUE(router->Send((*received)->identity, MakeError(1, OK, "")).ok());
  const std::vector<DealerSocket*> sockets = {first.get(), second.get()};
  const auto readable = PollReadable(sockets, kPatience);
  ASSERT_TRUE(readable.ok());
  EXPECT_THAT(*readable, testing::ElementsAre(1));
}

TEST(CheckEndpointTest, SaysWhatIsWrong) {
  EXPECT_TRUE(CheckEndpoint("ipc:///tmp/a").ok());
  EXPECT_TRUE(CheckEndpoint("tcp://127.0.0.1:*").ok());
  EXPECT_TRUE(CheckEndpoint("tcp://[::1]:80").ok());
  const auto why = [](const std::string& endpoint) {
    const absl::Status status = CheckEndpoint(endpoint);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(why("ipc://" + std::string(108, 'x')), HasSubstr("this one has 108"));
  EXPECT_THAT(why("ipc://"), HasSubstr("this one has 0"));
  EXPECT_THAT(why("udp://127.0.0.1:5"), HasSubstr("neither ipc"));
  EXPECT_THAT(why("tcp://10.0.0.1:5"), HasSubstr("only loopback"));
  EXPECT_THAT(why("tcp://*:5"), HasSubstr("only loopback"));
  EXPECT_THAT(why("tcp://localhost"), HasSubstr("no port"));
  EXPECT_THAT(why("tcp://127.0.0.1:99999"), HasSubstr("0 to 65535"));
}

}  // namespace
}  // namespace caravan::net
