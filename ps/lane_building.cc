#include "ps/lane_building.h"

#include <utility>

#include <glog/logging.h>

#include "base/status_macros.h"

namespace caravan::ps {

absl::StatusOr<BuiltLane> BuildLane(const conf::RunSpec& spec, const Lane::Options& options,
                                    bool keep_state, const std::string& restore_directory,
                                    absl::FunctionRef<absl::StatusOr<conf::Manifest>()> manifest,
                                    absl::FunctionRef<absl::Status()> give_up) {
  if (keep_state) {
    absl::StatusOr<std::unique_ptr<Lane>> lane = Lane::Recover(spec, options);
    if (lane.ok()) return BuiltLane{.lane = *std::move(lane), .state_lost = false};
    if (absl::IsResourceExhausted(lane.status())) return lane.status();
    LOG(WARNING) << "lane=" << Index(options.lane) << " has lost its state and starts from "
                 << (restore_directory.empty() ? "the initial one" : restore_directory) << ": "
                 << std::string(lane.status().message());
    CARAVAN_RETURN_IF_ERROR(give_up());
  }
  if (restore_directory.empty()) {
    CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Lane> lane, Lane::Create(spec, options));
    return BuiltLane{.lane = std::move(lane), .state_lost = true};
  }
  CARAVAN_ASSIGN_OR_RETURN(const conf::Manifest verified, manifest());
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Lane> lane,
                           Lane::Restore(spec, options, restore_directory, verified));
  return BuiltLane{.lane = std::move(lane), .state_lost = true};
}

}  // namespace caravan::ps
