#include "worker/push_window.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "worker/ps_client.h"

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

PushWindow::PushWindow(net::RequestClient* client, uint32_t pushes_max, Millis give_up_after)
    : client_(client), pushes_max_(pushes_max), give_up_after_(give_up_after) {}

absl::Status PushWindow::Push(BatchPush push) {
  CHECK_EQ(push.lanes.size(), client_->peers());
  CARAVAN_RETURN_IF_ERROR(Collect());
  if (in_flight_.size() >= pushes_max_) {
    CARAVAN_RETURN_IF_ERROR(AwaitAcknowledged(pushed_ - pushes_max_ + 1));
  }
  InFlight& entry = in_flight_.emplace_back();
  entry.push = std::move(push);
  entry.lanes.resize(entry.push.lanes.size());
  ++pushed_;
  for (uint32_t lane = 0; lane < entry.lanes.size(); ++lane) Send(entry, lane);
  return absl::OkStatus();
}

void PushWindow::Send(InFlight& entry, uint32_t lane) {
  LanePush& part = entry.push.lanes[lane];
  net::Header header;
  net::Push& push = *header.mutable_push();
  *push.mutable_tag() = entry.push.tag;
  *push.mutable_spans() = part.spans;
  push.set_keys_signature(part.keys_signature);
  push.set_learning_rate_scale(entry.push.learning_rate_scale);
  std::vector<net::Frame> frames(3);
  if (entry.lanes[lane].with_keys) frames[0] = Share(part.keys);
  frames[1] = Share(part.rows);
  frames[2] = Share(part.dense);
  entry.lanes[lane].ticket = client_->Start(lane, std::move(header), std::move(frames));
}

void PushWindow::SendAgain(size_t first, uint32_t lane) {
  for (size_t i = first; i < in_flight_.size(); ++i) {
    if (in_flight_[i].lanes[lane].acknowledged) continue;
    // Its answer, if one is on its way, is dropped: the lane's answer to the repeat counts.
    client_->Forget(in_flight_[i].lanes[lane].ticket);
    Send(in_flight_[i], lane);
  }
}

absl::Status PushWindow::Take(size_t index, uint32_t lane) {
  LaneState& state = in_flight_[index].lanes[lane];
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client_->Await(state.ticket));
  const net::Reply& reply = answer.reply;
  if (reply.code() == net::OK) {
    if (reply.push().outcome() == net::PushReply::OUT_OF_ORDER) {
      return HandleOutOfOrder(index, lane, reply.push().expected());
    }
    state.acknowledged = true;
    CountStaleness(in_flight_[index].push, lane, reply.push());
    return absl::OkStatus();
  }
  if (reply.code() == net::UNKNOWN_KEYS && !state.with_keys) {
    state.with_keys = true;
    SendAgain(index, lane);
    return absl::OkStatus();
  }
  if (reply.code() == net::NOT_READY) {
    const Millis now = clock_.Now();
    if (!state.was_not_ready) state.not_ready_since = now;
    state.was_not_ready = true;
    if (now - state.not_ready_since < give_up_after_) {
      absl::SleepFor(absl::FromChrono(kNotReadyPause));
      SendAgain(index, lane);
      return absl::OkStatus();
    }
  }
  const absl::Status status = net::ReplyStatus(reply);
  return absl::Status(status.code(),
                      fmt::format("push of {} to lane {}: {}", NameOf(in_flight_[index].push.tag),
                                  lane, std::string(status.message())));
}

absl::Status PushWindow::HandleOutOfOrder(size_t index, uint32_t lane, uint32_t expected) {
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

void PushWindow::CountStaleness(const BatchPush& push, uint32_t lane, const net::PushReply& reply) {
  const bool counts = lane == push.version_lane && reply.has_dense_version() &&
                      reply.outcome() == net::PushReply::APPLIED &&
                      reply.dense_version() > push.pulled_version;
  // One of the updates since the pull is this push's own.
  if (counts) staleness_sum_ += reply.dense_version() - push.pulled_version - 1;
}

absl::Status PushWindow::Collect() {
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    for (uint32_t lane = 0; lane < in_flight_[i].lanes.size(); ++lane) {
      const LaneState& state = in_flight_[i].lanes[lane];
      if (state.acknowledged || !client_->IsAnswered(state.ticket)) continue;
      CARAVAN_RETURN_IF_ERROR(Take(i, lane));
    }
  }
  DropAcknowledged();
  return absl::OkStatus();
}

absl::Status PushWindow::AwaitAcknowledged(uint64_t number) {
  while (acknowledged() < number) {
    for (uint32_t lane = 0; lane < in_flight_.front().lanes.size(); ++lane) {
      while (!in_flight_.front().lanes[lane].acknowledged) {
        CARAVAN_RETURN_IF_ERROR(Take(0, lane));
      }
    }
    DropAcknowledged();
  }
  return absl::OkStatus();
}

void PushWindow::DropAcknowledged() {
  while (!in_flight_.empty() &&
         std::ranges::all_of(in_flight_.front().lanes, &LaneState::acknowledged)) {
    in_flight_.pop_front();
  }
}

}  // namespace caravan::worker
