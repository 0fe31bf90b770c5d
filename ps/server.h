// The server's driver: joins a scheduler, builds or restores its lanes, serves them on a thread
// each, and says so once a heartbeat until it is told to stop.
#ifndef CARAVAN_PS_SERVER_H_
#define CARAVAN_PS_SERVER_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/kill_point.h"

namespace caravan::ps {

struct ServerOptions {
  std::string scheduler;  // endpoint
  // Where lanes listen, see LaneEndpoints.
  std::string listen;
  uint32_t lanes = 0;  // 0: as many as the scheduler's job has
  // In its launcher's count: the place it would like, for its name to be the same everywhere.
  std::optional<uint32_t> number = {};
  // For the lanes' state. What a server that was killed has left there is gone on from where the
  // scheduler says that it is the last of its lanes; removed when the run is over. Empty:
  // <run directory>/state/server-NNN, and nothing is gone on from.
  std::string state_directory;
  std::string version;
  uint64_t job_fingerprint = 0;             // 0: whatever job the scheduler has
  uint64_t run_id = 0;                      // 0: whatever run the scheduler has
  const std::atomic<bool>* stop = nullptr;  // set to leave at the next chance
  KillPoints* kill_points = nullptr;        // for tests; outlive the server
};

// Endpoints of `lanes` lanes: "tcp://host:*" picks a port for each, "tcp://host:port" takes this
// and the ones behind it, anything else is a path (with or without ipc://) below which each has a
// socket.
absl::StatusOr<std::vector<std::string>> LaneEndpoints(const std::string& listen, uint32_t lanes);

// Returns OK when the scheduler says that the run is over or `stop` is set; an error where the
// server cannot join, restore or go on. Blocks until then.
absl::Status RunServer(const ServerOptions& options);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_SERVER_H_
