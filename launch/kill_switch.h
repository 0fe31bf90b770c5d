// Kill points for tests/faults, which run the real program: where the environment variable
// CARAVAN_KILL_POINTS names a folder, a role takes the file with its name from it when it starts
// ("server-2", "scheduler"), and dies at the kill point that it names ("after_append:40").
#ifndef CARAVAN_LAUNCH_KILL_SWITCH_H_
#define CARAVAN_LAUNCH_KILL_SWITCH_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/kill_point.h"

namespace caravan::launch {

// Null where nothing is armed. The file is removed: who is started anew is not killed again.
absl::StatusOr<std::unique_ptr<KillPoints>> TakeKillPoints(const std::string& name);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_KILL_SWITCH_H_
