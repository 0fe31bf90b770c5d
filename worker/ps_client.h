// The servers as a source of parameters: pulls of rows and dense chunks, and a block's mark.
// Pushes are worker/push_window's.
#ifndef CARAVAN_WORKER_PS_CLIENT_H_
#define CARAVAN_WORKER_PS_CLIENT_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "net/request_client.h"
#include "worker/lane_map.h"
#include "worker/lane_split.h"
#include "worker/parameter_source.h"

namespace caravan::worker {

// Owned and called by one thread, the one that owns `client`, whose peer i is lane i. Asks all
// lanes at once. Key lists that a lane was sent before go as their signature; a lane that has
// forgotten one is sent the keys; one that is still restoring is asked again until `give_up_after`.
class PsClient final : public ParameterSource {
 public:
  // `client` and `map` outlive it.
  PsClient(net::RequestClient* client, const LaneMap* map, Millis give_up_after);

  absl::Status Pull(const TableKeys& keys, Parameters& parameters) override;
  // The same for keys already split; `keys` gives the sizes of rows.
  absl::Status Pull(const TableKeys& keys, const LaneSplit& split, Parameters& parameters);

  // Batches of a block that every shard of every lane has applied: where to go on with it.
  absl::StatusOr<uint32_t> Mark(uint32_t epoch, uint32_t block);

 private:
  // The last key lists sent to a lane, oldest overwritten.
  struct SentLists {
    std::array<uint64_t, 16> signatures{};
    size_t next = 0;
  };
  struct Asked {
    bool pending = false;
    uint64_t ticket = 0;
  };

  uint64_t StartPull(uint32_t lane, const LaneKeys& keys, const Parameters& parameters,
                     bool with_keys);
  absl::Status FinishPull(uint32_t lane, const LaneKeys& keys, uint64_t ticket,
                          Parameters& parameters);
  absl::Status Merge(uint32_t lane, const LaneKeys& keys, const net::Answer& answer,
                     Parameters& parameters);
  bool WasSent(uint32_t lane, uint64_t signature) const;

  net::RequestClient* const client_;
  const LaneMap* const map_;
  const Millis give_up_after_;
  const SystemClock clock_;
  LaneSplit split_;
  std::vector<SentLists> sent_;
  std::vector<Asked> asked_;
  std::vector<float> unaligned_;
};

// Pause before a lane that is not ready is asked again.
inline constexpr Millis kNotReadyPause{50};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PS_CLIENT_H_
