// Says whether a run was as it must be: every shard has applied every sample of every epoch once,
// and every row, slot, step and dense chunk is, bit for bit, what a lane without faults makes of
// the pushes in the order in which they were applied.
#ifndef CARAVAN_TESTS_SIM_JUDGE_H_
#define CARAVAN_TESTS_SIM_JUDGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "conf/manifest.pb.h"
#include "tests/sim/lane_state.h"
#include "tests/sim/lane_watch.h"

namespace caravan::sim {

class Judge {
 public:
  // Both outlive it.
  Judge(const conf::RunSpec* spec, const Shape* shape);

  // By LaneId.
  std::vector<std::unique_ptr<LaneWatch>>& watches() { return watches_; }
  uint64_t pushes() const;

  // A checkpoint that was committed: lanes that are restored from it, as many as wrote it or
  // others, hold what a replay of the pushes up to its point gives, and every block that it lists
  // as done. `and_back`: so do as many as wrote it from a checkpoint of the others.
  absl::Status CheckCheckpoint(Disk& disk, const std::string& directory,
                               const conf::Manifest& manifest, uint32_t other_lanes, bool and_back);

  // Of a run that has ended; `lanes` by LaneId, which nobody uses any more.
  absl::Status CheckEnd(const std::vector<ps::Lane*>& lanes);

 private:
  using Lanes = std::vector<std::unique_ptr<ps::Lane>>;
  absl::StatusOr<Lanes> Restore(DiskOfProcess& process, const std::string& directory,
                                const conf::Manifest& manifest, uint32_t count) const;
  // A checkpoint of `lanes`; its manifest, but for what `of` has.
  absl::StatusOr<conf::Manifest> Save(DiskOfProcess& process, const Lanes& lanes,
                                      const conf::Manifest& of) const;
  // Changes the lanes, see TakeState.
  absl::Status Compare(const State& expected, const Lanes& lanes, const std::string& what);
  absl::Status CheckLedger(const State& state) const;
  absl::Status CheckDoneBlocks(const State& state, const conf::Manifest& manifest) const;
  // Fresh lanes that were sent the first counts[lane] pushes of each watch.
  absl::StatusOr<State> ReplayedState(const std::vector<size_t>& counts);

  const conf::RunSpec* const spec_;
  const Shape* const shape_;
  std::vector<std::unique_ptr<LaneWatch>> watches_;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_JUDGE_H_
