#include "worker/lane_talk.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "net/request_client.h"

namespace caravan::worker {
namespace {

absl::Status OfLane(uint32_t lane, const absl::Status& status) {
  return absl::Status(status.code(),
                      fmt::format("lane {}: {}", lane, std::string(status.message())));
}

}  // namespace

bool MayPass(net::Code code) {
  return code == net::NOT_READY || code == net::WRONG_ROUTE || code == net::FAILED;
}

void LaneTalk::Begin(const std::vector<bool>& asks, Millis now) {
  begun_ = now;
  open_ = 0;
  lanes_.assign(asks.size(), {});
  for (size_t lane = 0; lane < asks.size(); ++lane) {
    if (!asks[lane]) continue;
    lanes_[lane] = {.open = true, .due = now};
    ++open_;
  }
}

std::vector<LaneRequest> LaneTalk::TakeRequests(Millis now) {
  std::vector<LaneRequest> requests;
  for (uint32_t lane = 0; lane < lanes_.size(); ++lane) {
    Lane& state = lanes_[lane];
    if (!state.due.has_value() || *state.due > now) continue;
    state.due.reset();
    requests.push_back(MakeRequest(lane, state.with_keys));
    requests.back().lane = lane;
  }
  return requests;
}

absl::Status LaneTalk::Take(uint32_t lane, const net::Answer& answer, Millis now) {
  Lane& state = lanes_[lane];
  if (!state.open) return absl::OkStatus();
  const net::Code code = answer.reply.code();
  if (code == net::OK) {
    state = {};
    --open_;
    if (absl::Status status = TakeOk(lane, answer); !status.ok()) return OfLane(lane, status);
    return absl::OkStatus();
  }
  if (code == net::UNKNOWN_KEYS && !state.with_keys) {
    state.with_keys = true;
    state.due = now;
    return absl::OkStatus();
  }
  if (MayPass(code) && now - begun_ < give_up_after_) {
    state.with_keys = true;  // a lane that is built anew knows no lists
    state.due = now + kNotReadyPause;
    return absl::OkStatus();
  }
  return OfLane(lane, net::ReplyStatus(answer.reply));
}

std::optional<Millis> LaneTalk::next_due() const {
  std::optional<Millis> next;
  for (const Lane& lane : lanes_) {
    if (lane.due.has_value()) next = std::min(next.value_or(*lane.due), *lane.due);
  }
  return next;
}

void MarkTalk::Begin(uint32_t lanes, uint32_t epoch, uint32_t block, Millis now) {
  query_.set_epoch(epoch);
  query_.set_block(block);
  lowest_ = std::numeric_limits<uint32_t>::max();
  LaneTalk::Begin(std::vector<bool>(lanes, true), now);
}

LaneRequest MarkTalk::MakeRequest(uint32_t lane, bool /*with_keys*/) {
  LaneRequest request{.lane = lane, .header = {}, .frames = {}};
  *request.header.mutable_mark_query() = query_;
  return request;
}

absl::Status MarkTalk::TakeOk(uint32_t /*lane*/, const net::Answer& answer) {
  lowest_ = std::min(lowest_, answer.reply.mark().mark());
  return absl::OkStatus();
}

}  // namespace caravan::worker
