#include "worker/ps_client.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "base/status_macros.h"

namespace caravan::worker {

PsClient::PsClient(net::RequestClient* client, const LaneMap* map, Millis give_up_after,
                   bool dense_bf16)
    : client_(client),
      map_(map),
      pull_(map, give_up_after, dense_bf16),
      mark_(give_up_after),
      tickets_(map->lanes()) {}

absl::Status PsClient::Pull(const TableKeys& keys, Parameters& parameters) {
  SplitByLane(*map_, keys, split_);
  return Pull(keys, split_, parameters);
}

absl::Status PsClient::Pull(const TableKeys& keys, const LaneSplit& split, Parameters& parameters) {
  pull_.Begin(keys, split, parameters, clock_.Now());
  return Drive(pull_);
}

absl::StatusOr<uint32_t> PsClient::Mark(uint32_t epoch, uint32_t block) {
  mark_.Begin(map_->lanes(), epoch, block, clock_.Now());
  CARAVAN_RETURN_IF_ERROR(Drive(mark_));
  return mark_.lowest();
}

absl::Status PsClient::Drive(LaneTalk& talk) {
  absl::Status status;
  while (status.ok() && !talk.done()) {
    for (LaneRequest& request : talk.TakeRequests(clock_.Now())) {
      tickets_[request.lane] =
          client_->Start(request.lane, std::move(request.header), std::move(request.frames));
    }
    const auto waited = std::ranges::find_if(tickets_, [](uint64_t ticket) { return ticket != 0; });
    if (waited == tickets_.end()) {
      absl::SleepFor(absl::FromChrono(*talk.next_due() - clock_.Now()));
      continue;
    }
    const absl::StatusOr<net::Answer> answer = client_->Await(*waited);
    status = answer.status();
    if (!answer.ok()) continue;
    *waited = 0;
    status = talk.Take(static_cast<uint32_t>(waited - tickets_.begin()), *answer, clock_.Now());
  }
  for (uint64_t& ticket : tickets_) {
    if (ticket != 0) client_->Forget(std::exchange(ticket, 0));
  }
  return status;
}

}  // namespace caravan::worker
