// The processes of a run on this machine: one scheduler, servers, workers. Starts them, notices
// which end, starts them anew, and leaves none behind.
#ifndef CARAVAN_LAUNCH_CLUSTER_H_
#define CARAVAN_LAUNCH_CLUSTER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "conf/job.pb.h"
#include "launch/child_process.h"
#include "launch/run_directory.h"
#include "launch/supervision.h"

namespace caravan::launch {

struct ClusterOptions {
  std::string executable;  // of this program
  RunDirectory run;        // its run_spec.pb is written, log/ is there
  uint64_t run_id = 0;     // its servers and workers join no other, whoever listens there
  conf::Cluster sizes;     // servers and workers to start
  uint32_t turns = 0;      // that workers take when there are more of them (worker/turn_gate.h)
  std::string listen;      // the scheduler's endpoint; empty: an ipc socket of its own
  bool resume = false;     // go on from the last checkpoint
  // A line for people: who ended and what came of it.
  std::function<void(const std::string&)> say;
};

// What Tend needs to know of the run; from the scheduler's last status.
struct ClusterPhase {
  std::string_view phase;  // "" before the first status
  uint32_t workers_alive = 0;
};

// Owned and called by one thread. The destructor stops what still runs.
class Cluster {
 public:
  // Starts the scheduler and the servers; workers follow in Tend.
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(ClusterOptions options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  const std::string& scheduler_endpoint() const { return endpoint_; }

  // To be called a few times a second. Starts a few workers at a time, so that a machine with few
  // cores is not swamped; starts those anew that have died. An error says why the run cannot go on.
  absl::Status Tend(const ClusterPhase& phase, Millis now);

  // True once the scheduler has ended by itself with success: the run is over.
  bool IsOver() const { return over_; }

  // Waits up to `grace` for what still runs to end by itself, then SIGTERM twice, and SIGKILL 5 s
  // later. None of the processes is there when it returns.
  void Stop(Millis grace);

 private:
  struct Member {
    RoleKind kind;
    uint32_t number;
    std::string log_path;
    ChildProcess process;
    bool ended = false;
    std::optional<Millis> restart_at;  // where it has ended: when it is started anew
    std::string restart_text;          // what is said then
  };

  explicit Cluster(ClusterOptions options);
  absl::Status MakeSocketDirectory();
  std::vector<std::string> Arguments(RoleKind kind, uint32_t number, bool anew) const;
  absl::Status StartMember(RoleKind kind, uint32_t number);
  absl::Status StartAnew(Member& member, Millis now);
  absl::Status StartWorkers(const ClusterPhase& phase, Millis now);
  static absl::Status Failure(const Member& member, const std::string& why, int exit_code);
  absl::Status NoteExit(Member& member, const ExitOfProcess& exit, std::string_view phase,
                        Millis now);
  // True when every process has ended before `wait` has passed.
  bool WaitForAll(Millis wait);
  // "server 1, worker 7"
  std::string StillThere() const;

  ClusterOptions options_;
  Supervisor supervisor_;
  std::string socket_directory_;  // short, since an ipc path has at most 107 bytes; mode 0700
  std::string endpoint_;
  std::vector<Member> members_;
  uint32_t workers_started_ = 0;
  Millis last_worker_start_{0};
  bool over_ = false;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_CLUSTER_H_
