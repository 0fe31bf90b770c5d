#include "tests/sim/network.h"

#include <fmt/format.h>

#include <utility>

#include "net/request_table.h"

namespace caravan::sim {
namespace {

// "host/part", or "ipc:///host/part" for an endpoint.
std::string HostOf(const std::string& address) {
  const size_t begin = address.starts_with("ipc:///") ? 7 : 0;
  return address.substr(begin, address.find('/', begin) - begin);
}

std::string NameOfHeader(const net::Header& header) {
  if (header.has_push()) {
    const net::BatchTag& tag = header.push().tag();
    return fmt::format("push {}.{}.{}", tag.epoch(), tag.block(), tag.batch());
  }
  if (header.has_mark_query()) {
    return fmt::format("mark_query {}.{}", header.mark_query().epoch(),
                       header.mark_query().block());
  }
  if (header.has_block_done()) {
    return fmt::format("block_done {}.{} lease {}", header.block_done().epoch(),
                       header.block_done().block(), header.block_done().lease());
  }
  return header.GetDescriptor()->FindFieldByNumber(static_cast<int>(header.body_case()))->name();
}

}  // namespace

std::string NameOf(const net::Message& message) {
  // Either may parse as the other; only requests name their sender.
  const absl::StatusOr<net::Header> header = net::ParseHeader(message);
  if (header.ok() && header->body_case() != net::Header::BODY_NOT_SET && header->has_sender()) {
    return fmt::format("{} #{}", NameOfHeader(*header), header->request_id());
  }
  const absl::StatusOr<net::Reply> reply = net::ParseReply(message);
  if (!reply.ok()) return "garbage";
  return fmt::format(
      "reply #{} {} {}", reply->request_id(), net::Code_Name(reply->code()),
      reply->has_push() ? net::PushReply::Outcome_Name(reply->push().outcome()) : reply->message());
}

void Network::Listen(const std::string& address, Receiver receiver) {
  receivers_[address] = std::move(receiver);
}

bool Network::Happens(uint32_t in_a_thousand) { return random_.NextBelow(1000) < in_a_thousand; }

void Network::Send(const std::string& from, const std::string& to, net::Message message) {
  ++messages_;
  if (Happens(faults_.lost)) {
    if (trace_->keeps()) trace_->Line("  lost    {} -> {}: {}", from, to, NameOf(message));
    return;
  }
  const auto delay = [this] {
    const Millis most = Happens(faults_.late) ? faults_.late_max : faults_.delay_max;
    return Millis{random_.NextBelow(static_cast<uint64_t>(most.count()) + 1)};
  };
  if (Happens(faults_.twice)) Deliver(from, to, net::ShareMessage(message), delay());
  Deliver(from, to, std::move(message), delay());
}

void Network::Deliver(const std::string& from, const std::string& to, net::Message message,
                      Millis delay) {
  loop_->After(delay, [this, from, to, message = std::move(message)]() mutable {
    const auto receiver = receivers_.find(to);
    const bool is_lost = receiver == receivers_.end() || IsCut(from, to);
    if (trace_->keeps()) {
      trace_->Line("  {} {} -> {}: {}", is_lost ? "nobody " : "arrives", from, to, NameOf(message));
    }
    if (is_lost) return;
    const Receiver receive = receiver->second;  // it may close its address
    receive(from, std::move(message));
  });
}

bool Network::IsCut(const std::string& from, const std::string& to) const {
  if (cut_off_until_.empty() && cut_links_until_.empty()) return false;
  const std::string sender = HostOf(from);
  const std::string receiver = HostOf(to);
  const auto is_cut = [this](const auto& cuts, const auto& what) {
    const auto cut = cuts.find(what);
    return cut != cuts.end() && loop_->Now() < cut->second;
  };
  return is_cut(cut_off_until_, sender) || is_cut(cut_off_until_, receiver) ||
         is_cut(cut_links_until_,
                std::pair(std::min(sender, receiver), std::max(sender, receiver)));
}

void Network::Heal() {
  faults_ = {};
  cut_off_until_.clear();
  cut_links_until_.clear();
}

}  // namespace caravan::sim
