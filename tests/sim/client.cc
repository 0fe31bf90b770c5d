#include "tests/sim/client.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"

namespace caravan::sim {

Client::Client(EventLoop* loop, Network* network, std::string address,
               std::vector<std::string> peers, const Options& options,
               std::function<void()> arrived)
    : loop_(loop),
      network_(network),
      address_(std::move(address)),
      peers_(std::move(peers)),
      repeat_after_(options.repeat_after),
      arrived_(std::move(arrived)),
      table_(options) {
  network_->Listen(address_, [this](const std::string& from, net::Message message) {
    Receive(from, std::move(message));
  });
}

Client::~Client() { network_->Close(address_); }

uint64_t Client::Start(size_t peer, net::Header header, std::vector<net::Frame> frames) {
  const uint64_t ticket = table_.Start(peer, std::move(header), std::move(frames), loop_->Now());
  network_->Send(address_, peers_[peer], table_.MessageOf(ticket));
  if (!std::exchange(repeats_, true)) RepeatOverdue();
  return ticket;
}

void Client::Reroute(std::vector<std::string> endpoints, uint32_t routing_epoch) {
  if (routing_epoch <= table_.routing_epoch()) return;
  CHECK_EQ(endpoints.size(), peers_.size());
  peers_ = std::move(endpoints);
  for (const uint64_t ticket : table_.Reroute(routing_epoch, loop_->Now())) {
    network_->Send(address_, peers_[table_.PeerOf(ticket)], table_.MessageOf(ticket));
  }
}

void Client::RepeatOverdue() {
  for (const uint64_t ticket : table_.TakeOverdue(loop_->Now())) {
    network_->Send(address_, peers_[table_.PeerOf(ticket)], table_.MessageOf(ticket));
  }
  if (table_.oldest() == nullptr) {
    repeats_ = false;
    return;
  }
  loop_->After(repeat_after_ / 2, [this, life = std::weak_ptr<int>(life_)] {
    if (life.expired()) return;
    RepeatOverdue();
    if (!life.expired()) arrived_();
  });
}

void Client::Receive(const std::string& from, net::Message message) {
  const auto peer = std::find(peers_.begin(), peers_.end(), from);
  const bool is_waited_for =
      peer != peers_.end() &&
      table_.Keep(static_cast<size_t>(peer - peers_.begin()), std::move(message));
  if (!is_waited_for) {
    ++answers_dropped_;
    return;
  }
  arrived_();
}

bool Client::IsAnswered(uint64_t ticket) {
  return table_.IsAnswered(ticket) || !table_.CheckDeadline(ticket, loop_->Now(), "").ok();
}

absl::StatusOr<net::Answer> Client::Await(uint64_t ticket) {
  if (std::optional<net::Answer> answer = table_.TakeAnswer(ticket)) return *std::move(answer);
  const net::RequestTable::Request* request = table_.Find(ticket);
  CARAVAN_RETURN_IF_ERROR(
      table_.CheckDeadline(ticket, loop_->Now(), request == nullptr ? "" : peers_[request->peer]));
  LOG(FATAL) << "a simulated client cannot wait";
}

std::string Client::Waiting() const {
  const net::RequestTable::Request* oldest = table_.oldest();
  if (oldest == nullptr) return "";
  return fmt::format("{} from {} since {}", oldest->kind, peers_[oldest->peer],
                     oldest->started.count());
}

}  // namespace caravan::sim
