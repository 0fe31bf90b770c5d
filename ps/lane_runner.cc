#include "ps/lane_runner.h"

#include <pthread.h>

#include <ctime>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "absl/container/flat_hash_map.h"
#include "base/status_macros.h"

namespace caravan::ps {
namespace {

constexpr Millis kReceiveTimeout{20};
constexpr int kRequestsAWork = 8;

net::Message NotReady(const net::Message& request) {
  const absl::StatusOr<net::Header> header = net::ParseHeader(request);
  if (!header.ok()) {
    return net::MakeError(0, net::INVALID, std::string(header.status().message()));
  }
  return net::MakeError(header->request_id(), net::NOT_READY, "the lane is being restored");
}

}  // namespace

absl::StatusOr<std::unique_ptr<LaneRunner>> LaneRunner::Start(net::Context& context,
                                                              const std::string& endpoint) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<net::RouterSocket> router,
                           net::RouterSocket::Bind(context, endpoint));
  auto runner = std::unique_ptr<LaneRunner>(new LaneRunner(std::move(router)));
  runner->serve_ = std::thread([raw = runner.get()] { raw->Serve(); });
  return runner;
}

LaneRunner::LaneRunner(std::unique_ptr<net::RouterSocket> router)
    : router_(std::move(router)), endpoint_(router_->endpoint()) {}

LaneRunner::~LaneRunner() {
  stopping_ = true;
  if (build_.joinable()) build_.join();
  if (serve_.joinable()) serve_.join();
}

void LaneRunner::Build(Builder builder) {
  CHECK(!build_.joinable()) << "a lane is built once";
  build_ = std::thread([this, builder = std::move(builder)] {
    try {
      absl::StatusOr<std::unique_ptr<Lane>> lane = builder();
      if (!lane.ok()) return Fail(lane.status());
      CHECK(built_.Push(*std::move(lane))) << "a lane is built once";
    } catch (const std::exception& error) {
      Fail(
          absl::InternalError(fmt::format("{}: cannot build a lane: {}", endpoint_, error.what())));
    }
  });
}

std::chrono::nanoseconds LaneRunner::processor_time() {
  clockid_t clock;
  timespec time{};
  // Only a thread that has ended has no clock; this one ends with the runner.
  CHECK(pthread_getcpuclockid(serve_.native_handle(), &clock) == 0 &&
        clock_gettime(clock, &time) == 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

absl::Status LaneRunner::failure() const {
  const MutexLock lock(&mutex_);
  return failure_;
}

void LaneRunner::Fail(const absl::Status& status) {
  LOG(ERROR) << "lane at " << endpoint_ << " ends: " << std::string(status.message());
  const MutexLock lock(&mutex_);
  if (failure_.ok()) failure_ = status;
}

void LaneRunner::Serve() {
  try {
    if (absl::Status status = ServeRequests(); !status.ok()) Fail(status);
  } catch (const std::exception& error) {
    Fail(absl::InternalError(fmt::format("{}: {}", endpoint_, error.what())));
  }
}

// The lane and who waits for its answers. Owned and used by the serving thread.
class LaneRunner::Served {
 public:
  Served(net::RouterSocket& router, std::unique_ptr<Lane> lane)
      : router_(router), lane_(std::move(lane)) {}

  Lane& lane() { return *lane_; }
  uint64_t answers_dropped() const { return answers_dropped_; }

  void Handle(const net::RouterSocket::Received& received) {
    const uint64_t ticket = next_ticket_++;
    std::optional<net::Message> answer = lane_->Handle(received.message, ticket);
    if (answer.has_value()) {
      Send(received.identity, *std::move(answer));
    } else {
      waiting_.emplace(ticket, received.identity);
    }
  }

  absl::Status Work() {
    for (Lane::LateAnswer& late : lane_->Work()) {
      const auto waiting = waiting_.find(late.ticket);
      CHECK(waiting != waiting_.end()) << "an answer that nobody asked for";
      Send(waiting->second, std::move(late.message));
      waiting_.erase(waiting);
    }
    return lane_->failure();
  }

 private:
  // Where it cannot be sent the peer is gone or does not read: it asks again if it lives.
  void Send(const std::string& identity, net::Message answer) {
    if (!router_.Send(identity, std::move(answer)).ok()) ++answers_dropped_;
  }

  net::RouterSocket& router_;
  std::unique_ptr<Lane> lane_;
  uint64_t next_ticket_ = 0;
  absl::flat_hash_map<uint64_t, std::string> waiting_;  // as many as the lane owes answers
  uint64_t answers_dropped_ = 0;
};

// Requests that are waiting are handled first, up to a bound, so that one sync acknowledges many;
// then the lane works a slice.
absl::Status LaneRunner::ServeAvailable(Served& served) {
  served.lane().SetRoutingEpoch(routing_epoch_);
  Millis timeout = served.lane().HasWork() ? Millis{0} : kReceiveTimeout;
  for (int i = 0; i < kRequestsAWork; ++i, timeout = Millis{0}) {
    CARAVAN_ASSIGN_OR_RETURN(std::optional<net::RouterSocket::Received> received,
                             router_->Receive(timeout));
    if (!received.has_value()) break;
    served.Handle(*received);
  }
  resident_bytes_ = served.lane().resident_bytes();
  return served.Work();
}

absl::StatusOr<std::unique_ptr<Lane>> LaneRunner::AwaitLane() {
  while (!stopping_) {
    if (auto built = built_.Pop(absl::ZeroDuration()); built.has_value()) return *std::move(built);
    CARAVAN_ASSIGN_OR_RETURN(std::optional<net::RouterSocket::Received> received,
                             router_->Receive(kReceiveTimeout));
    // An answer that cannot be sent is one that nobody waits for.
    if (received.has_value()) {
      router_->Send(received->identity, NotReady(received->message)).IgnoreError();
    }
  }
  return nullptr;
}

absl::Status LaneRunner::ServeRequests() {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Lane> lane, AwaitLane());
  if (lane == nullptr) return absl::OkStatus();
  Served served(*router_, std::move(lane));
  served.lane().SetRoutingEpoch(routing_epoch_);
  ready_ = true;
  while (!stopping_) CARAVAN_RETURN_IF_ERROR(ServeAvailable(served));
  const LaneCounters& counters = served.lane().counters();
  LOG(INFO) << "lane at " << endpoint_ << " served pulls=" << counters.pulls
            << " pushes=" << counters.pushes_applied << " repeated=" << counters.pushes_repeated
            << " keys_pulled=" << counters.keys_pulled << " keys_pushed=" << counters.keys_pushed
            << " rejected=" << counters.requests_rejected + router_->messages_rejected()
            << " failed=" << counters.requests_failed
            << " answers_dropped=" << served.answers_dropped();
  return absl::OkStatus();
}

}  // namespace caravan::ps
