#include "worker/push_order.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "net/request_client.h"

namespace caravan::worker {
namespace {

std::string NameOf(const net::BatchTag& tag) {
  return fmt::format("epoch {} block {} batch {}", tag.epoch(), tag.block(), tag.batch());
}

net::Frame Share(net::Frame& frame) {
  net::Frame shared;
  shared.copy(frame);  // counts references; the bytes stay where they are
  return shared;
}

}  // namespace

void PushOrder::Begin(BatchPush push) {
  pauses_.resize(push.lanes.size());
  InFlight& entry = in_flight_.emplace_back();
  entry.lanes.resize(push.lanes.size());
  entry.push = std::move(push);
  ++pushed_;
}

std::vector<PushOrder::Request> PushOrder::TakeRequests(Millis now) {
  for (uint32_t lane = 0; lane < pauses_.size(); ++lane) {
    std::optional<Pause>& pause = pauses_[lane];
    if (!pause.has_value() || pause->over || pause->until > now) continue;
    pause->over = true;
    SendAgain(0, lane);
  }
  std::vector<Request> requests;
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    for (uint32_t lane = 0; lane < in_flight_[i].lanes.size(); ++lane) {
      LaneState& state = in_flight_[i].lanes[lane];
      if (!state.to_send || (pauses_[lane].has_value() && !pauses_[lane]->over)) continue;
      state.to_send = false;
      requests.push_back(
          {.push = acknowledged() + i + 1, .request = MakeRequest(in_flight_[i], lane)});
    }
  }
  return requests;
}

LaneRequest PushOrder::MakeRequest(InFlight& entry, uint32_t lane) {
  LanePush& part = entry.push.lanes[lane];
  LaneRequest request{.lane = lane, .header = {}, .frames = std::vector<net::Frame>(3)};
  net::Push& push = *request.header.mutable_push();
  *push.mutable_tag() = entry.push.tag;
  *push.mutable_spans() = part.spans;
  push.set_keys_signature(part.keys_signature);
  push.set_learning_rate_scale(entry.push.learning_rate_scale);
  if (entry.push.dense_bf16) push.set_dense_bf16(true);
  if (entry.lanes[lane].with_keys) request.frames[0] = Share(part.keys);
  request.frames[1] = Share(part.rows);
  request.frames[2] = Share(part.dense);
  return request;
}

void PushOrder::SendAgain(size_t first, uint32_t lane) {
  for (size_t i = first; i < in_flight_.size(); ++i) {
    LaneState& state = in_flight_[i].lanes[lane];
    state.to_send = !state.acknowledged;
  }
}

absl::Status PushOrder::Take(uint64_t push, uint32_t lane, const net::Reply& reply, Millis now) {
  if (IsAcknowledged(push, lane)) return absl::OkStatus();
  const size_t index = IndexOf(push);
  LaneState& state = in_flight_[index].lanes[lane];
  if (reply.code() == net::OK) {
    pauses_[lane].reset();
    if (reply.push().outcome() == net::PushReply::OUT_OF_ORDER) {
      return HandleOutOfOrder(index, lane, reply.push().expected());
    }
    state.acknowledged = true;
    state.to_send = false;
    CountStaleness(in_flight_[index].push, lane, reply.push());
    DropAcknowledged();
    return absl::OkStatus();
  }
  if (reply.code() == net::UNKNOWN_KEYS && !state.with_keys) {
    state.with_keys = true;
    SendAgain(index, lane);
    return absl::OkStatus();
  }
  if (MayPass(reply.code()) && BePatient(index, lane, now)) return absl::OkStatus();
  const absl::Status status = net::ReplyStatus(reply);
  return absl::Status(status.code(),
                      fmt::format("push of {} to lane {}: {}", NameOf(in_flight_[index].push.tag),
                                  lane, std::string(status.message())));
}

bool PushOrder::BePatient(size_t index, uint32_t lane, Millis now) {
  std::optional<Pause>& pause = pauses_[lane];
  if (!pause.has_value()) pause = Pause{.since = now};
  if (now - pause->since >= give_up_after_) return false;
  in_flight_[index].lanes[lane].to_send = true;
  pause->until = now + kNotReadyPause;
  pause->over = false;
  return true;
}

absl::Status PushOrder::HandleOutOfOrder(size_t index, uint32_t lane, uint32_t expected) {
  const net::BatchTag& refused = in_flight_[index].push.tag;
  for (size_t i = 0; i < index; ++i) {
    const net::BatchTag& tag = in_flight_[i].push.tag;
    const bool wanted = tag.epoch() == refused.epoch() && tag.block() == refused.block() &&
                        tag.batch() == expected && !in_flight_[i].lanes[lane].acknowledged;
    if (!wanted) continue;
    SendAgain(i, lane);
    return absl::OkStatus();
  }
  // It was acknowledged meanwhile: the refusal is older than that, and a repeat will do. A lane
  // that refuses the repeat for the same batch has lost it.
  std::optional<uint32_t>& refused_for = in_flight_[index].lanes[lane].refused_for;
  if (refused_for != expected) {
    refused_for = expected;
    SendAgain(index, lane);
    return absl::OkStatus();
  }
  return absl::AbortedError(
      fmt::format("lane {} refuses {} and expects batch {}, which is not in flight any more", lane,
                  NameOf(refused), expected));
}

void PushOrder::CountStaleness(const BatchPush& push, uint32_t lane, const net::PushReply& reply) {
  const bool counts = lane == push.version_lane && reply.has_dense_version() &&
                      reply.outcome() == net::PushReply::APPLIED &&
                      reply.dense_version() > push.pulled_version;
  // One of the updates since the pull is this push's own.
  if (counts) staleness_sum_ += reply.dense_version() - push.pulled_version - 1;
}

std::optional<Millis> PushOrder::next_due() const {
  std::optional<Millis> next;
  for (const std::optional<Pause>& pause : pauses_) {
    if (!pause.has_value() || pause->over) continue;
    next = std::min(next.value_or(pause->until), pause->until);
  }
  return next;
}

void PushOrder::DropAcknowledged() {
  while (!in_flight_.empty() &&
         std::ranges::all_of(in_flight_.front().lanes, &LaneState::acknowledged)) {
    in_flight_.pop_front();
  }
}

}  // namespace caravan::worker
