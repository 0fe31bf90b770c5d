// A pull: rows and dense chunks of a batch, from all lanes that hold some. Key lists that a lane
// was sent before go as their signature. Pure, see worker/lane_talk.h.
#ifndef CARAVAN_WORKER_PULL_TALK_H_
#define CARAVAN_WORKER_PULL_TALK_H_

#include <array>
#include <cstdint>
#include <vector>

#include "worker/lane_map.h"
#include "worker/lane_split.h"
#include "worker/lane_talk.h"
#include "worker/parameter_source.h"

namespace caravan::worker {

class PullTalk final : public LaneTalk {
 public:
  // `map` outlives it. With `dense_bf16` dense chunks come rounded to 16 bits.
  PullTalk(const LaneMap* map, Millis give_up_after, bool dense_bf16 = false);

  // Sizes `parameters` for `keys`, which `split` is of, and asks. All three outlive the talk; the
  // dense chunks that `parameters` holds are asked for only where they have changed.
  void Begin(const TableKeys& keys, const LaneSplit& split, Parameters& parameters, Millis now);

 private:
  // The last key lists sent to a lane, oldest overwritten.
  struct SentLists {
    std::array<uint64_t, 16> signatures{};
    size_t next = 0;
  };

  LaneRequest MakeRequest(uint32_t lane, bool with_keys) override;
  absl::Status TakeOk(uint32_t lane, const net::Answer& answer) override;
  bool WasSent(uint32_t lane, uint64_t signature) const;

  const LaneMap* const map_;
  const bool dense_bf16_;
  const LaneSplit* split_ = nullptr;
  Parameters* parameters_ = nullptr;
  std::vector<SentLists> sent_;
  std::vector<float> unaligned_;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PULL_TALK_H_
