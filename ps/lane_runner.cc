#include "ps/lane_runner.h"

#include <exception>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"

namespace caravan::ps {
namespace {

constexpr Millis kReceiveTimeout{50};

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

absl::Status LaneRunner::failure() const {
  const absl::MutexLock lock(&mutex_);
  return failure_;
}

void LaneRunner::Fail(const absl::Status& status) {
  LOG(ERROR) << "lane at " << endpoint_ << " ends: " << std::string(status.message());
  const absl::MutexLock lock(&mutex_);
  if (failure_.ok()) failure_ = status;
}

void LaneRunner::Serve() {
  try {
    if (absl::Status status = ServeRequests(); !status.ok()) Fail(status);
  } catch (const std::exception& error) {
    Fail(absl::InternalError(fmt::format("{}: {}", endpoint_, error.what())));
  }
}

absl::Status LaneRunner::ServeRequests() {
  std::unique_ptr<Lane> lane;
  uint64_t answers_dropped = 0;
  while (!stopping_) {
    CARAVAN_ASSIGN_OR_RETURN(std::optional<net::RouterSocket::Received> received,
                             router_->Receive(kReceiveTimeout));
    if (lane == nullptr) {
      if (auto built = built_.Pop(absl::ZeroDuration()); built.has_value()) {
        lane = *std::move(built);
        ready_ = true;
      }
    }
    if (lane != nullptr) {
      lane->SetRoutingEpoch(routing_epoch_);
      resident_bytes_ = lane->resident_bytes();
    }
    if (!received.has_value()) continue;
    net::Message answer =
        lane == nullptr ? NotReady(received->message) : lane->HandleNow(received->message);
    // The peer is gone or does not read: it asks again if it lives.
    if (!router_->Send(received->identity, std::move(answer)).ok()) ++answers_dropped;
  }
  if (lane == nullptr) return absl::OkStatus();
  const LaneCounters& counters = lane->counters();
  LOG(INFO) << "lane at " << endpoint_ << " served pulls=" << counters.pulls
            << " pushes=" << counters.pushes_applied << " repeated=" << counters.pushes_repeated
            << " keys_pulled=" << counters.keys_pulled << " keys_pushed=" << counters.keys_pushed
            << " rejected=" << counters.requests_rejected + router_->messages_rejected()
            << " failed=" << counters.requests_failed << " answers_dropped=" << answers_dropped;
  return absl::OkStatus();
}

}  // namespace caravan::ps
