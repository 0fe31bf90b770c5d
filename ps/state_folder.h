// The folder in which a server's lanes keep their state, and whose state that is: what a server
// that is started on it tells the scheduler. LOCK is held by the one process that uses the folder;
// OWNER, written whole by rename, says which lanes of which run lie there and which incarnation of
// a server was the last to serve them. Without OWNER nothing usable lies there.
#ifndef CARAVAN_PS_STATE_FOLDER_H_
#define CARAVAN_PS_STATE_FOLDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan::ps {

struct StateOwner {
  uint64_t run_id = 0;
  uint64_t incarnation = 0;
  uint32_t lanes_total = 0;
  std::vector<uint32_t> lanes = {};
  bool state_lost = false;  // the lanes began from a checkpoint, and the scheduler does not know it
};

// Owned and called by one thread. Unlocks when it is destroyed.
class StateFolder {
 public:
  // Makes the folder where it is not there. FAILED_PRECONDITION where another process has it.
  static absl::StatusOr<std::unique_ptr<StateFolder>> Open(const std::string& path);
  ~StateFolder();
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  const std::string& path() const { return path_; }
  // Nothing where there is none that can be read.
  const std::optional<StateOwner>& owner() const { return owner_; }
  absl::Status SetOwner(const StateOwner& owner);
  // What lies there is of no use any more.
  absl::Status Disown();
  // At the end of the run.
  void RemoveAll();

 private:
  StateFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string OwnerFile() const { return path_ + "/OWNER"; }

  const std::string path_;
  const int lock_;
  std::optional<StateOwner> owner_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_STATE_FOLDER_H_
