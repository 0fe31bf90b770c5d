// A lane behind a real socket and a bad network: requests and answers get lost, come twice, or come
// late, as a seed says.
#ifndef CARAVAN_TESTS_WORKER_LOSSY_SERVER_H_
#define CARAVAN_TESTS_WORKER_LOSSY_SERVER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "net/socket.h"

namespace caravan::worker {

struct Faults {
  uint64_t seed = 1;
  uint32_t lost_requests = 0;  // of 1000
  uint32_t lost_answers = 0;   // of 1000
  uint32_t twice = 0;          // of 1000: handled twice, both answered
  uint32_t late = 0;           // of 1000: handled after the request that comes next
};

class LossyServer {
 public:
  // No answer, if it gives none.
  using Handler = std::function<std::optional<net::Message>(const net::Message&)>;

  // `handler` is called on the server's own thread.
  LossyServer(net::Context& context, const std::string& endpoint, Handler handler,
              const Faults& faults)
      : handler_(std::move(handler)), faults_(faults), random_(faults.seed) {
    auto socket = net::RouterSocket::Bind(context, endpoint);
    if (!socket.ok()) {
      bind_status_ = socket.status();
      return;
    }
    socket_ = *std::move(socket);
    thread_ = std::thread(&LossyServer::Serve, this);
  }
  ~LossyServer() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  const absl::Status& bind_status() const { return bind_status_; }
  uint32_t faults_made() const { return faults_made_; }

 private:
  bool Happens(uint32_t of_thousand) {
    const bool happens = random_.NextBelow(1000) < of_thousand;
    faults_made_ += happens ? 1 : 0;
    return happens;
  }

  void Serve() {
    while (!stop_) {
      auto received = socket_->Receive(Millis{10});
      if (!received.ok()) continue;
      if (received->has_value()) {
        if (Happens(faults_.lost_requests)) continue;
        if (Happens(faults_.late)) {
          late_.push_back(*std::move(*received));
          continue;
        }
        const bool twice = Happens(faults_.twice);
        Answer(**received);
        if (twice) Answer(**received);
      }
      for (const net::RouterSocket::Received& request : std::exchange(late_, {})) Answer(request);
    }
  }

  void Answer(const net::RouterSocket::Received& request) {
    std::optional<net::Message> answer = handler_(request.message);
    if (!answer.has_value() || Happens(faults_.lost_answers)) return;
    // A peer that has left needs no answer.
    static_cast<void>(socket_->Send(request.identity, *std::move(answer)));
  }

  const Handler handler_;
  const Faults faults_;
  RandomStream random_;
  absl::Status bind_status_;
  std::unique_ptr<net::RouterSocket> socket_;
  std::vector<net::RouterSocket::Received> late_;
  std::atomic<uint32_t> faults_made_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace caravan::worker

#endif  // CARAVAN_TESTS_WORKER_LOSSY_SERVER_H_
