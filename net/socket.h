// ZeroMQ behind Status: sockets with bounded queues, bounded frames, no lingering, and no exception
// that leaves this file. Each socket is owned and used by one thread.
// Endpoints are as net/endpoint.h allows them.
#ifndef CARAVAN_NET_SOCKET_H_
#define CARAVAN_NET_SOCKET_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "net/endpoint.h"
#include "net/message.h"

namespace caravan::net {

// One a process; its I/O thread serves all sockets. Outlives them. Thread-safe.
class Context {
 public:
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  zmq::context_t& zmq() { return *context_; }

 private:
  std::unique_ptr<zmq::context_t> context_;
};

// A ROUTER: answers many peers.
class RouterSocket {
 public:
  struct Received {
    std::string identity;  // to answer with; ZeroMQ's, valid while the peer is connected
    Message message;
  };

  // Binds; ALREADY_EXISTS names the endpoint when it is taken. ZeroMQ closes in the background: an
  // endpoint is surely free again once the Context is gone.
  // "tcp://127.0.0.1:*" picks a port.
  static absl::StatusOr<std::unique_ptr<RouterSocket>> Bind(Context& context,
                                                            const std::string& endpoint);
  virtual ~RouterSocket() = default;

  // The endpoint as bound, wildcard resolved.
  virtual const std::string& endpoint() const = 0;
  // Nothing when `timeout` passes. A message with too many or too large frames is counted, dropped
  // and answered with INVALID, and never returned.
  virtual absl::StatusOr<std::optional<Received>> Receive(Millis timeout) = 0;
  // UNAVAILABLE when the peer is gone or its queue is full: the peer will ask again.
  virtual absl::Status Send(const std::string& identity, Message message) = 0;
  virtual uint64_t messages_rejected() const = 0;
};

// A DEALER connected to one peer. Reconnects by itself.
class DealerSocket {
 public:
  static absl::StatusOr<std::unique_ptr<DealerSocket>> Connect(Context& context,
                                                               const std::string& endpoint);
  virtual ~DealerSocket() = default;

  virtual const std::string& endpoint() const = 0;
  // Queued, also while the peer is not there. UNAVAILABLE when the queue is full.
  virtual absl::Status Send(Message message) = 0;
  // Nothing when `timeout` passes.
  virtual absl::StatusOr<std::optional<Message>> Receive(Millis timeout) = 0;
  // ZeroMQ's socket, for PollReadable.
  virtual void* handle() = 0;
};

// Waits until one of `sockets` can be received from; the indices of those that can. Empty when
// `timeout` passes.
absl::StatusOr<std::vector<size_t>> PollReadable(std::span<DealerSocket* const> sockets,
                                                 Millis timeout);

}  // namespace caravan::net

#endif  // CARAVAN_NET_SOCKET_H_
