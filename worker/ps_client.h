// The servers as a source of parameters: pulls of rows and dense chunks, and a block's mark.
// Pushes are worker/push_window's. Drives worker/pull_talk and worker/lane_talk.
#ifndef CARAVAN_WORKER_PS_CLIENT_H_
#define CARAVAN_WORKER_PS_CLIENT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "net/request_client.h"
#include "worker/lane_map.h"
#include "worker/lane_split.h"
#include "worker/parameter_source.h"
#include "worker/pull_talk.h"

namespace caravan::worker {

// Owned and called by one thread, the one that owns `client`, whose peer i is lane i. Asks all
// lanes at once.
class PsClient final : public ParameterSource {
 public:
  // `client` and `map` outlive it. `dense_bf16`: see PullTalk.
  PsClient(net::RequestClient* client, const LaneMap* map, Millis give_up_after,
           bool dense_bf16 = false);

  absl::Status Pull(const TableKeys& keys, Parameters& parameters) override;
  // The same for keys already split; `keys` gives the sizes of rows.
  absl::Status Pull(const TableKeys& keys, const LaneSplit& split, Parameters& parameters);

  // Batches of a block that every shard of every lane has applied: where to go on with it.
  absl::StatusOr<uint32_t> Mark(uint32_t epoch, uint32_t block);

 private:
  absl::Status Drive(LaneTalk& talk);

  net::RequestClient* const client_;
  const LaneMap* const map_;
  const SystemClock clock_;
  PullTalk pull_;
  MarkTalk mark_;
  LaneSplit split_;
  std::vector<uint64_t> tickets_;  // by lane; 0: nothing is waited for
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PS_CLIENT_H_
