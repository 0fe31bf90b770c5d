#include "worker/push_window.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "absl/time/clock.h"
#include "base/status_macros.h"

namespace caravan::worker {

PushWindow::PushWindow(net::RequestClient* client, uint32_t pushes_max, Millis give_up_after)
    : client_(client), pushes_max_(pushes_max), order_(give_up_after) {}

absl::Status PushWindow::Push(BatchPush push) {
  CHECK_EQ(push.lanes.size(), client_->peers());
  CARAVAN_RETURN_IF_ERROR(Collect());
  if (pushed() - acknowledged() >= pushes_max_) {
    CARAVAN_RETURN_IF_ERROR(AwaitAcknowledged(pushed() - pushes_max_ + 1));
  }
  order_.Begin(std::move(push));
  tickets_.push_back({.push = pushed(), .of_lane = std::vector<uint64_t>(client_->peers())});
  SendDue();
  return absl::OkStatus();
}

void PushWindow::SendDue() {
  for (auto& [push, request] : order_.TakeRequests(clock_.Now())) {
    uint64_t& ticket = tickets_[push - tickets_.front().push].of_lane[request.lane];
    // Its answer, if one is on its way, is dropped: the lane's answer to the repeat counts.
    if (ticket != 0) client_->Forget(ticket);
    ticket = client_->Start(request.lane, std::move(request.header), std::move(request.frames));
  }
}

absl::Status PushWindow::Take(Tickets& tickets, uint32_t lane) {
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client_->Await(tickets.of_lane[lane]));
  tickets.of_lane[lane] = 0;
  CARAVAN_RETURN_IF_ERROR(order_.Take(tickets.push, lane, answer.reply, clock_.Now()));
  SendDue();
  return absl::OkStatus();
}

absl::Status PushWindow::Collect() {
  SendDue();
  for (Tickets& tickets : tickets_) {
    for (uint32_t lane = 0; lane < tickets.of_lane.size(); ++lane) {
      const uint64_t ticket = tickets.of_lane[lane];
      if (ticket == 0 || !client_->IsAnswered(ticket)) continue;
      CARAVAN_RETURN_IF_ERROR(Take(tickets, lane));
    }
  }
  DropAcknowledged();
  return absl::OkStatus();
}

absl::Status PushWindow::AwaitAcknowledged(uint64_t number) {
  while (acknowledged() < number) {
    Tickets& front = tickets_.front();
    const auto waited =
        std::ranges::find_if(front.of_lane, [](uint64_t ticket) { return ticket != 0; });
    if (waited == front.of_lane.end()) {
      // Lanes that cannot answer yet are asked again after a pause.
      absl::SleepFor(absl::FromChrono(*order_.next_due() - clock_.Now()));
      SendDue();
      continue;
    }
    CARAVAN_RETURN_IF_ERROR(Take(front, static_cast<uint32_t>(waited - front.of_lane.begin())));
    DropAcknowledged();
  }
  return absl::OkStatus();
}

void PushWindow::DropAcknowledged() {
  while (!tickets_.empty() && tickets_.front().push <= acknowledged()) tickets_.pop_front();
}

}  // namespace caravan::worker
