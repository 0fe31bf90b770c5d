#include "net/request_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace caravan::net {
namespace {

std::string KindOf(const Header& header) {
  const google::protobuf::OneofDescriptor* body = header.GetDescriptor()->oneof_decl(0);
  const google::protobuf::FieldDescriptor* field =
      header.GetReflection()->GetOneofFieldDescriptor(header, body);
  return field == nullptr ? "empty request" : field->name();
}

}  // namespace

Message ShareMessage(Message& message) {
  Message shared;
  shared.frames.resize(message.frames.size());
  for (size_t i = 0; i < shared.frames.size(); ++i) shared.frames[i].copy(message.frames[i]);
  return shared;
}

uint64_t RequestTable::Start(size_t peer, Header header, std::vector<Frame> frames, Millis now) {
  const uint64_t ticket = next_ticket_++;
  header.set_request_id(ticket);
  header.set_run_id(run_id_);
  header.set_sender(options_.sender);
  header.set_routing_epoch(routing_epoch_);
  Request request{.peer = peer,
                  .kind = KindOf(header),
                  .header = {},
                  .message = MakeMessage(header),
                  .started = now,
                  .sent = now};
  request.header = std::move(header);
  std::move(frames.begin(), frames.end(), std::back_inserter(request.message.frames));
  unanswered_.emplace(ticket, std::move(request));
  return ticket;
}

std::vector<uint64_t> RequestTable::TakeOverdue(Millis now) {
  std::vector<uint64_t> overdue;
  for (auto& [ticket, request] : unanswered_) {
    if (now - request.sent < options_.repeat_after) continue;
    request.sent = now;
    overdue.push_back(ticket);
  }
  return overdue;
}

std::vector<uint64_t> RequestTable::Reroute(uint32_t routing_epoch, Millis now) {
  routing_epoch_ = routing_epoch;
  std::vector<uint64_t> tickets;
  for (auto& [ticket, request] : unanswered_) {
    request.header.set_routing_epoch(routing_epoch);
    request.message.frames[0] = std::move(MakeMessage(request.header).frames[0]);
    request.sent = now;
    tickets.push_back(ticket);
  }
  return tickets;
}

bool RequestTable::Keep(size_t peer, Message message) {
  absl::StatusOr<Reply> reply = ParseReply(message);
  if (!reply.ok()) return false;
  const auto request = unanswered_.find(reply->request_id());
  if (request == unanswered_.end() || request->second.peer != peer) return false;
  if (reply->code() == WRONG_ROUTE) return true;
  answers_.insert_or_assign(request->first,
                            Answer{.reply = *std::move(reply), .message = std::move(message)});
  unanswered_.erase(request);
  return true;
}

std::optional<Answer> RequestTable::TakeAnswer(uint64_t ticket) {
  const auto found = answers_.find(ticket);
  if (found == answers_.end()) return std::nullopt;
  Answer answer = std::move(found->second);
  answers_.erase(found);
  return answer;
}

void RequestTable::Forget(uint64_t ticket) {
  answers_.erase(ticket);
  unanswered_.erase(ticket);
}

const RequestTable::Request* RequestTable::Find(uint64_t ticket) const {
  const auto found = unanswered_.find(ticket);
  return found == unanswered_.end() ? nullptr : &found->second;
}

absl::Status RequestTable::CheckDeadline(uint64_t ticket, Millis now,
                                         const std::string& peer_name) const {
  const Request* request = Find(ticket);
  if (request == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("ticket {} is not waited for: never started, taken or forgotten", ticket));
  }
  const Millis waited = now - request->started;
  if (waited < give_up_after_) return absl::OkStatus();
  return absl::DeadlineExceededError(fmt::format("no answer to {} from {} for {:.1f} s",
                                                 request->kind, peer_name,
                                                 static_cast<double>(waited.count()) / 1000));
}

}  // namespace caravan::net
