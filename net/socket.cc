#include "net/socket.h"

#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"

namespace caravan::net {
namespace {

// Messages queued for one peer in one direction: a few in flight each way, with room for repeats.
constexpr int kQueueMessagesMax = 256;
constexpr int kReconnectMillis = 20;
constexpr int kReconnectMillisMax = 500;
// A tcp peer whose host is gone says nothing; ZeroMQ's own heartbeats end such a connection.
constexpr int kTransportHeartbeatMillis = 5000;
constexpr int kTransportTimeoutMillis = 30000;

absl::Status ZmqError(std::string_view what, const std::string& endpoint) {
  const int error = zmq_errno();
  const std::string text = fmt::format("{} {}: {}", what, endpoint, zmq_strerror(error));
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          fmt::format("{} {}: the address is in use by another process", what, endpoint));
    case EADDRNOTAVAIL:
    case ENODEV:
    case EINVAL:
    case ENOENT:
    case EACCES:
      return absl::InvalidArgumentError(text);
    case ETERM:
      return absl::CancelledError(text);
    default:
      return absl::UnavailableError(text);
  }
}

// A socket with every limit set. ZeroMQ's exceptions end here.
absl::StatusOr<zmq::socket_t> MakeSocket(Context& context, zmq::socket_type type,
                                         const std::string& endpoint) {
  CARAVAN_RETURN_IF_ERROR(CheckEndpoint(endpoint));
  try {
    zmq::socket_t socket(context.zmq(), type);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::sndhwm, kQueueMessagesMax);
    socket.set(zmq::sockopt::rcvhwm, kQueueMessagesMax);
    socket.set(zmq::sockopt::maxmsgsize, kFrameBytesMax);
    socket.set(zmq::sockopt::reconnect_ivl, kReconnectMillis);
    socket.set(zmq::sockopt::reconnect_ivl_max, kReconnectMillisMax);
    if (endpoint.starts_with("tcp://")) {
      socket.set(zmq::sockopt::heartbeat_ivl, kTransportHeartbeatMillis);
      socket.set(zmq::sockopt::heartbeat_timeout, kTransportTimeoutMillis);
      socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
    }
    if (type == zmq::socket_type::router) socket.set(zmq::sockopt::router_mandatory, true);
    return socket;
  } catch (const zmq::error_t& error) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot make a socket for {}: {}", endpoint, error.what()));
  }
}

// Sends every frame, the last one closing the message. errno is ZeroMQ's on failure.
bool SendFrames(zmq::socket_t& socket, std::vector<Frame>& frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    const int more = i + 1 < frames.size() ? ZMQ_SNDMORE : 0;
    if (zmq_msg_send(frames[i].handle(), socket.handle(), more | ZMQ_DONTWAIT) < 0) return false;
  }
  return true;
}

enum class Received { kFrame, kNothing, kFailed };

Received ReceiveFrame(zmq::socket_t& socket, Frame& frame) {
  if (zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT) >= 0) return Received::kFrame;
  return zmq_errno() == EAGAIN || zmq_errno() == EINTR ? Received::kNothing : Received::kFailed;
}

// True when there is something to receive. A signal ends the wait early, as if nothing had come.
absl::StatusOr<bool> WaitReadable(zmq::socket_t& socket, Millis timeout,
                                  const std::string& endpoint) {
  zmq_pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
  const int ready = zmq_poll(&item, 1, timeout.count());
  if (ready < 0 && zmq_errno() != EINTR) return ZmqError("cannot wait at", endpoint);
  return ready > 0;
}

// The rest of a message whose first part has been taken. Frames past kFramesMax are dropped as they
// come and only counted in `parts`. ZeroMQ delivers whole messages, so no part is waited for.
absl::StatusOr<Message> ReceiveParts(zmq::socket_t& socket, const std::string& endpoint,
                                     size_t& parts) {
  Message message;
  message.frames.reserve(kFramesMax);
  for (parts = 0;; ++parts) {
    Frame frame;
    if (ReceiveFrame(socket, frame) != Received::kFrame) {
      return ZmqError("a message broke off at", endpoint);
    }
    const bool more = frame.more();
    if (parts < kFramesMax) message.frames.push_back(std::move(frame));
    if (!more) break;
  }
  ++parts;
  return message;
}

class ZmqRouter final : public RouterSocket {
 public:
  ZmqRouter(zmq::socket_t socket, std::string endpoint)
      : socket_(std::move(socket)), endpoint_(std::move(endpoint)) {}

  const std::string& endpoint() const override { return endpoint_; }
  uint64_t messages_rejected() const override { return messages_rejected_; }

  absl::StatusOr<std::optional<RouterSocket::Received>> Receive(Millis timeout) override {
    Frame identity;
    net::Received got = ReceiveFrame(socket_, identity);
    if (got == net::Received::kNothing && timeout.count() > 0) {
      CARAVAN_ASSIGN_OR_RETURN(const bool ready, WaitReadable(socket_, timeout, endpoint_));
      if (!ready) return std::nullopt;
      got = ReceiveFrame(socket_, identity);
    }
    if (got == net::Received::kNothing) return std::nullopt;
    if (got == net::Received::kFailed) return ZmqError("cannot receive at", endpoint_);
    RouterSocket::Received received{.identity = identity.to_string(), .message = {}};
    if (!identity.more()) {
      ++messages_rejected_;
      return std::nullopt;
    }
    size_t parts = 0;
    CARAVAN_ASSIGN_OR_RETURN(received.message, ReceiveParts(socket_, endpoint_, parts));
    if (!IsWithinBounds(received, parts)) return std::nullopt;
    return received;
  }

  absl::Status Send(const std::string& identity, Message message) override {
    Frame address(identity.data(), identity.size());
    if (zmq_msg_send(address.handle(), socket_.handle(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        !SendFrames(socket_, message.frames)) {
      if (zmq_errno() == EHOSTUNREACH || zmq_errno() == EAGAIN) {
        return absl::UnavailableError(fmt::format("a peer of {} is gone or its queue of {} is full",
                                                  endpoint_, kQueueMessagesMax));
      }
      return ZmqError("cannot send from", endpoint_);
    }
    return absl::OkStatus();
  }

 private:
  // Counts and answers what is out of bounds. The answer is lost when its peer is gone, as it may.
  bool IsWithinBounds(const RouterSocket::Received& received, size_t parts) {
    std::string wrong;
    if (parts > kFramesMax) {
      wrong = fmt::format("the message has {} frames, at most {} are allowed", parts, kFramesMax);
    } else if (received.message.frames[0].size() > kHeaderBytesMax) {
      wrong = fmt::format("the header has {} bytes, at most {} are allowed",
                          received.message.frames[0].size(), kHeaderBytesMax);
    } else {
      return true;
    }
    ++messages_rejected_;
    const absl::StatusOr<Header> header = ParseHeader(received.message);
    Send(received.identity, MakeError(header.ok() ? header->request_id() : 0, INVALID, wrong))
        .IgnoreError();
    return false;
  }

  zmq::socket_t socket_;
  const std::string endpoint_;
  uint64_t messages_rejected_ = 0;
};

class ZmqDealer final : public DealerSocket {
 public:
  ZmqDealer(zmq::socket_t socket, std::string endpoint)
      : socket_(std::move(socket)), endpoint_(std::move(endpoint)) {}

  const std::string& endpoint() const override { return endpoint_; }
  void* handle() override { return socket_.handle(); }

  absl::Status Send(Message message) override {
    if (SendFrames(socket_, message.frames)) return absl::OkStatus();
    if (zmq_errno() == EAGAIN) {
      return absl::UnavailableError(
          fmt::format("the queue to {} is full ({} messages)", endpoint_, kQueueMessagesMax));
    }
    return ZmqError("cannot send to", endpoint_);
  }

  absl::StatusOr<std::optional<Message>> Receive(Millis timeout) override {
    CARAVAN_ASSIGN_OR_RETURN(const bool ready, WaitReadable(socket_, timeout, endpoint_));
    if (!ready) return std::nullopt;
    size_t parts = 0;
    CARAVAN_ASSIGN_OR_RETURN(Message message, ReceiveParts(socket_, endpoint_, parts));
    return message;
  }

 private:
  zmq::socket_t socket_;
  const std::string endpoint_;
};

}  // namespace

Context::Context() : context_(std::make_unique<zmq::context_t>(1)) {
  context_->set(zmq::ctxopt::max_sockets, 16384);
}
Context::~Context() = default;

absl::StatusOr<std::unique_ptr<RouterSocket>> RouterSocket::Bind(Context& context,
                                                                 const std::string& endpoint) {
  CARAVAN_ASSIGN_OR_RETURN(zmq::socket_t socket,
                           MakeSocket(context, zmq::socket_type::router, endpoint));
  if (IsIpcTaken(endpoint)) {
    return absl::AlreadyExistsError(
        fmt::format("cannot listen at {}: the address is in use by another process", endpoint));
  }
  if (zmq_bind(socket.handle(), endpoint.c_str()) != 0) {
    return ZmqError("cannot listen at", endpoint);
  }
  std::string bound = socket.get(zmq::sockopt::last_endpoint);
  return std::make_unique<ZmqRouter>(std::move(socket), std::move(bound));
}

absl::StatusOr<std::unique_ptr<DealerSocket>> DealerSocket::Connect(Context& context,
                                                                    const std::string& endpoint) {
  CARAVAN_ASSIGN_OR_RETURN(zmq::socket_t socket,
                           MakeSocket(context, zmq::socket_type::dealer, endpoint));
  if (zmq_connect(socket.handle(), endpoint.c_str()) != 0) {
    return ZmqError("cannot connect to", endpoint);
  }
  return std::make_unique<ZmqDealer>(std::move(socket), endpoint);
}

absl::StatusOr<std::vector<size_t>> PollReadable(std::span<DealerSocket* const> sockets,
                                                 Millis timeout) {
  std::vector<zmq_pollitem_t> items;
  items.reserve(sockets.size());
  for (DealerSocket* socket : sockets) items.push_back({socket->handle(), 0, ZMQ_POLLIN, 0});
  std::vector<size_t> readable;
  const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), timeout.count());
  if (ready < 0 && zmq_errno() != EINTR) return ZmqError("cannot wait at", "several sockets");
  if (ready <= 0) return readable;
  for (size_t i = 0; i < items.size(); ++i) {
    if ((items[i].revents & ZMQ_POLLIN) != 0) readable.push_back(i);
  }
  return readable;
}

}  // namespace caravan::net
