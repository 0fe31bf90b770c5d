#include "scheduler/wire_events.h"

#include <algorithm>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "net/endpoint.h"

namespace caravan::scheduler {
namespace {

constexpr size_t kTextBytesMax = 256;
constexpr int kTasksMax = 4096;
constexpr int kLanesMax = 256;

absl::StatusOr<Event> HelloOf(const net::Header& header) {
  const net::Hello& hello = header.hello();
  if (hello.lane_endpoints_size() > kLanesMax || hello.held_lanes_size() > kLanesMax) {
    return absl::InvalidArgumentError(fmt::format("a server has at most {} lanes, not {}",
                                                  kLanesMax, hello.lane_endpoints_size()));
  }
  for (const std::string& endpoint : hello.lane_endpoints()) {
    CARAVAN_RETURN_IF_ERROR(net::CheckEndpoint(endpoint));
  }
  return Hello{.role = hello.role(),
               .incarnation = hello.incarnation(),
               .version = PlainText(hello.version()),
               .job_fingerprint = hello.job_fingerprint(),
               .model_fingerprint = hello.model_fingerprint(),
               .lane_endpoints = {hello.lane_endpoints().begin(), hello.lane_endpoints().end()},
               .held_run_id = hello.held_run_id(),
               .held_lanes = {hello.held_lanes().begin(), hello.held_lanes().end()},
               .held_lanes_total = hello.held_lanes_total(),
               .held_incarnation = hello.held_incarnation(),
               .former_incarnation = hello.former_incarnation(),
               .number = hello.has_number() ? std::optional(hello.number()) : std::nullopt,
               .host = PlainText(header.host()),
               .pid = header.pid()};
}

absl::StatusOr<Event> HeartbeatOf(const net::Header& header) {
  const net::Heartbeat& heartbeat = header.heartbeat();
  if (heartbeat.task_loss_sums_size() > kTasksMax) {
    return absl::InvalidArgumentError(fmt::format("a heartbeat has at most {} tasks, not {}",
                                                  kTasksMax, heartbeat.task_loss_sums_size()));
  }
  Heartbeat event;
  event.incarnation = heartbeat.incarnation();
  event.request_id = header.request_id();
  event.sums.samples = heartbeat.samples();
  event.sums.batches = heartbeat.batches();
  event.sums.bytes_pulled = heartbeat.bytes_pulled();
  event.sums.bytes_pushed = heartbeat.bytes_pushed();
  event.sums.loss_sum = heartbeat.loss_sum();
  event.sums.task_loss_sums.assign(heartbeat.task_loss_sums().begin(),
                                   heartbeat.task_loss_sums().end());
  event.sums.staleness_sum = heartbeat.staleness_sum();
  event.resident_bytes = heartbeat.resident_bytes();
  event.waiting_for = PlainText(heartbeat.waiting_for());
  event.ready = heartbeat.ready();
  event.state_lost = heartbeat.state_lost();
  event.routing_epoch = header.routing_epoch();
  return event;
}

Event BlockDoneOf(const net::BlockDone& done) {
  return BlockDone{.incarnation = done.incarnation(),
                   .lease = done.lease(),
                   .epoch = done.epoch(),
                   .block = done.block(),
                   .samples = done.samples(),
                   .cells = {done.cells().begin(), done.cells().end()},
                   .begun_routing_epoch = done.begun_routing_epoch(),
                   .abandoned = done.abandoned()};
}

// One overload an answer; actions that are none give no reply.
class ReplyMaker {
 public:
  explicit ReplyMaker(const AnswerContext& context) : context_(context) {}

  bool operator()(const Welcome& welcome) {
    net::Welcome& out = *reply.mutable_welcome();
    out.set_id(welcome.id);
    out.set_run_spec(context_.run_spec);
    out.mutable_lanes()->Add(welcome.lanes.begin(), welcome.lanes.end());
    out.set_lanes_total(context_.lanes_total);
    out.set_restore_directory(context_.restore_directory);
    out.set_keep_state(welcome.keep_state);
    if (welcome.with_routing) *out.mutable_routing() = context_.routing;
    return true;
  }
  bool operator()(const HeartbeatAnswer& answer) {
    reply.mutable_heartbeat()->set_order(answer.order);
    if (answer.with_routing) *reply.mutable_heartbeat()->mutable_routing() = context_.routing;
    return true;
  }
  bool operator()(const LeaseAnswer& lease) {
    *reply.mutable_lease() = LeaseReplyOf(lease);
    return true;
  }
  bool operator()(const BlockDoneAnswer& answer) {
    reply.mutable_block_done()->set_accepted(answer.accepted);
    return true;
  }
  bool operator()(const PhaseAnswer& answer) {
    reply.mutable_phase()->set_go(answer.go);
    return true;
  }
  bool operator()(const StopAnswer&) {
    reply.mutable_stop();
    return true;
  }
  bool operator()(const Refusal& refusal) {
    reply.set_code(refusal.code);
    reply.set_message(refusal.message);
    return true;
  }
  template <typename NoAnswer>
  bool operator()(const NoAnswer&) {
    return false;
  }

  net::Reply reply;

 private:
  const AnswerContext& context_;
};

}  // namespace

std::string PlainText(const std::string& text) {
  std::string plain = text.substr(0, kTextBytesMax);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return plain;
}

net::LeaseReply LeaseReplyOf(const LeaseAnswer& lease) {
  net::LeaseReply out;
  out.set_kind(lease.kind);
  out.set_epoch(lease.epoch);
  out.set_split(lease.split);
  out.set_block(lease.block);
  out.set_learning_rate_scale(lease.learning_rate_scale);
  out.set_wait_ms(lease.wait_ms);
  out.set_lease(lease.lease);
  out.set_batches_end(lease.batches_end);
  return out;
}

LeaseAnswer LeaseAnswerOf(const net::LeaseReply& lease) {
  return {.kind = lease.kind(),
          .epoch = lease.epoch(),
          .split = lease.split(),
          .block = lease.block(),
          .learning_rate_scale = lease.learning_rate_scale(),
          .wait_ms = lease.wait_ms(),
          .lease = lease.lease(),
          .batches_end = lease.batches_end()};
}

absl::StatusOr<Event> EventOf(const net::Header& header) {
  switch (header.body_case()) {
    case net::Header::kHello:
      return HelloOf(header);
    case net::Header::kHeartbeat:
      return HeartbeatOf(header);
    case net::Header::kLeaseRequest:
      return LeaseRequest{header.lease_request().incarnation(), header.request_id()};
    case net::Header::kBlockDone:
      return BlockDoneOf(header.block_done());
    case net::Header::kPhaseRequest:
      return PhaseRequest{header.phase_request().incarnation(), header.phase_request().phase()};
    case net::Header::kStopRequest:
      return StopRequest{header.stop_request().checkpoint_first()};
    default:
      return absl::InvalidArgumentError(
          "this is a scheduler: it answers hello, heartbeat, lease_request, block_done, "
          "phase_request, status_request and stop_request");
  }
}

std::optional<net::Reply> ReplyOf(const Action& action, const AnswerContext& context) {
  ReplyMaker maker(context);
  maker.reply.set_code(net::OK);
  if (!std::visit(maker, action)) return std::nullopt;
  return std::move(maker.reply);
}

}  // namespace caravan::scheduler
