// Between the wire and the coordinator's language: what a peer sent as an event, with everything
// cut to its limits, and an answer as a reply.
#ifndef CARAVAN_SCHEDULER_WIRE_EVENTS_H_
#define CARAVAN_SCHEDULER_WIRE_EVENTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "net/wire.pb.h"
#include "scheduler/events.h"

namespace caravan::scheduler {

// What a peer says of itself, to be shown to people and printed as JSON: short, and of plain
// characters.
std::string PlainText(const std::string& text);

// INVALID_ARGUMENT where the request is none that a scheduler answers, or has something that cannot
// be meant. StatusRequest is no event.
absl::StatusOr<Event> EventOf(const net::Header& header);

// What answers carry that the coordinator does not know.
struct AnswerContext {
  std::string run_spec;  // serialised
  uint32_t lanes_total = 0;
  std::string restore_directory;  // of the newest complete checkpoint; empty: the initial state
  net::Routing routing;
};

// Nothing where `action` is no answer.
std::optional<net::Reply> ReplyOf(const Action& action, const AnswerContext& context);

net::LeaseReply LeaseReplyOf(const LeaseAnswer& lease);
LeaseAnswer LeaseAnswerOf(const net::LeaseReply& lease);

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_WIRE_EVENTS_H_
