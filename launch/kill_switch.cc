#include "launch/kill_switch.h"

#include <glog/logging.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "base/status_macros.h"

namespace caravan::launch {

absl::StatusOr<std::unique_ptr<KillPoints>> TakeKillPoints(const std::string& name) {
  const char* const folder = std::getenv("CARAVAN_KILL_POINTS");
  if (folder == nullptr) return nullptr;
  const std::string path = std::string(folder) + "/" + name;
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return nullptr;
  CARAVAN_RETURN_IF_ERROR(text.status());
  LOG(WARNING) << "armed: this process is to be killed at " << *text;
  unlink(path.c_str());
  return KillPoints::Parse(*text);
}

}  // namespace caravan::launch
