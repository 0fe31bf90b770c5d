// What a set of lanes holds, as far as it can be asked for: weights of every row and dense chunk
// with its version, marks, ledger; and how they answer two further pushes, by which optimizer slots
// and step counts that differ show. Bit by bit, as text that can be compared, whatever the number
// of lanes.
#ifndef CARAVAN_TESTS_SIM_LANE_STATE_H_
#define CARAVAN_TESTS_SIM_LANE_STATE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "conf/run_spec.pb.h"
#include "ps/lane.h"
#include "tests/sim/small_model.h"

namespace caravan::sim {

using State = std::map<std::string, std::string>;

// `lanes`: all of a cluster, by LaneId. They are changed: nobody is to use them any more.
absl::StatusOr<State> TakeState(const conf::RunSpec& spec, const Shape& shape,
                                const std::vector<ps::Lane*>& lanes);

// The first thing in which they differ; empty: nothing.
std::string Difference(const State& expected, const State& actual);

// The batches of a block that all shards of the lane have applied; `epoch` may lie ahead of it.
uint32_t MarkOf(ps::Lane& lane, uint64_t run_id, uint32_t epoch, uint32_t block);

// A header that any lane of the run accepts, whatever its routing.
net::Header JudgesHeader(uint64_t run_id);

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_LANE_STATE_H_
