// The judge's eye on one lane, through all of its incarnations: what it applied, in which order,
// and what it has told a worker that it did.
#ifndef CARAVAN_TESTS_SIM_LANE_WATCH_H_
#define CARAVAN_TESTS_SIM_LANE_WATCH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ps/lane.h"
#include "tests/sim/disk.h"
#include "tests/sim/small_model.h"
#include "worker/lane_map.h"

namespace caravan::sim {

class LaneWatch {
 public:
  struct Applied {
    net::BatchTag tag;
    std::shared_ptr<net::Message> push;  // with its keys in full
    bool is_acknowledged = false;
  };

  LaneWatch(const conf::RunSpec* spec, const Shape* shape, uint32_t lane);

  // `lane` is the one to watch from here on. One that was replaced and does not know yet goes on
  // with what is under way to it: nothing of that counts.
  void SetInForce(const ps::Lane& lane) { in_force_ = &lane; }

  // lane.Handle, and a look at what that did. Where the lane's process died in it (by `disk`), the
  // push counts as applied until Rebuilt knows better.
  std::optional<net::Message> Handle(ps::Lane& lane, const DiskOfProcess& disk,
                                     net::Message& request, uint64_t ticket);
  // `answer` of `lane` is on its way to a peer.
  void Answered(const ps::Lane& lane, const net::Message& answer, const net::Message& request);

  // The lane was built anew, in this boot of its machine: what it does not have any more is
  // forgotten. DATA_LOSS where that had been acknowledged and its folder should have held it still:
  // `has_folder`, and a durability that promises it.
  absl::Status Rebuilt(ps::Lane& lane, bool has_folder, uint64_t boot);
  // How many of the first of `applied` the lane has.
  size_t PrefixIn(ps::Lane& lane) const;

  const std::vector<Applied>& applied() const { return applied_; }

 private:
  std::shared_ptr<net::Message> WithKeys(const net::Header& header, net::Message& request) const;

  const conf::RunSpec* const spec_;
  const Shape* const shape_;
  const uint32_t lane_;
  const worker::LaneMap map_;
  const ps::Lane* in_force_ = nullptr;
  std::vector<Applied> applied_;
  uint64_t boot_ = 0;  // in which it was built last
};

// A fresh lane to which the first `count` of the watch's pushes were sent, in order. INTERNAL where
// one of them is not applied: then it was applied twice, or out of order, by the lane watched.
absl::StatusOr<std::unique_ptr<ps::Lane>> Replay(const LaneWatch& watch, size_t count,
                                                 const conf::RunSpec& spec,
                                                 const ps::Lane::Options& options);

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_LANE_WATCH_H_
