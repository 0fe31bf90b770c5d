// Named places at which a test has the process killed, to show that nothing is lost there.
#ifndef CARAVAN_BASE_KILL_POINT_H_
#define CARAVAN_BASE_KILL_POINT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace caravan {

enum class KillPoint {
  kBeforeAppend,          // "before_append": a push is checked, the log does not have it
  kAfterAppend,           // "after_append": the log has it, nothing is applied or acknowledged
  kBeforeApply,           // "before_apply": all is ready to change the first float
  kInFlush,               // "in_flush": a lane's image is half written
  kInCheckpoint,          // "in_checkpoint": a lane's part of a checkpoint is half linked
  kBeforeManifestRename,  // "before_manifest_rename": the checkpoint does not exist yet
  kAfterManifestRename,   // "after_manifest_rename": it exists, nobody was told
};

// One armed point. Thread-safe. What may be killed holds a pointer to it, null where nothing is
// armed, and calls Pass(points, point).
class KillPoints {
 public:
  // Calls `action` at the `passing`-th passing of `point`, counted from 1.
  KillPoints(KillPoint point, uint64_t passing, std::function<void()> action);
  // "after_append:3": kills the process (SIGKILL) at the third passing. INVALID_ARGUMENT lists the
  // names.
  static absl::StatusOr<std::unique_ptr<KillPoints>> Parse(std::string_view text);

  void Pass(KillPoint point);

 private:
  const KillPoint point_;
  std::atomic<uint64_t> left_;
  const std::function<void()> action_;
};

inline void Pass(KillPoints* points, KillPoint point) {
  if (points != nullptr) points->Pass(point);
}

}  // namespace caravan

#endif  // CARAVAN_BASE_KILL_POINT_H_
