// How a server comes by a lane: what its folder holds, else the checkpoint, else the initial state.
#ifndef CARAVAN_PS_LANE_BUILDING_H_
#define CARAVAN_PS_LANE_BUILDING_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "conf/manifest.pb.h"
#include "conf/run_spec.pb.h"
#include "ps/lane.h"

namespace caravan::ps {

struct BuiltLane {
  std::unique_ptr<Lane> lane;
  // It starts from a checkpoint or the initial state, and not from what its folder held.
  bool state_lost = false;
};

// `keep_state`: what the folder holds is the lane's last state, to go on from where it is usable;
// where it is not, that is logged by name and the lane starts from the checkpoint in
// `restore_directory` (empty: from the initial state). RESOURCE_EXHAUSTED leaves the folder as it
// is, for a later attempt. manifest(): the checkpoint's, its files verified.
//
// give_up(): makes it known, to whoever is started on this folder later too, that the state is
// lost; called before anything of the folder is. Who is killed behind that leaves a folder that
// looks whole, and is not what was acknowledged. An error of it ends the building.
absl::StatusOr<BuiltLane> BuildLane(const conf::RunSpec& spec, const Lane::Options& options,
                                    bool keep_state, const std::string& restore_directory,
                                    absl::FunctionRef<absl::StatusOr<conf::Manifest>()> manifest,
                                    absl::FunctionRef<absl::Status()> give_up);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_LANE_BUILDING_H_
