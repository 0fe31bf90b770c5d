// What to do when a process of a run ends. Pure: no process, clock or file in it.
#ifndef CARAVAN_LAUNCH_SUPERVISION_H_
#define CARAVAN_LAUNCH_SUPERVISION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "launch/child_process.h"

namespace caravan::launch {

enum class RoleKind { kScheduler, kServer, kWorker };
std::string_view RoleName(RoleKind kind);

struct Verdict {
  enum class Kind {
    kIgnore,        // as it should be
    kRestart,       // start the same process anew, after `delay`
    kRestartLater,  // likewise, if the run still trains after kLeaveGrace
    kFail,          // the run cannot go on
  };
  Kind kind = Kind::kIgnore;
  std::string text;  // one line for people; empty for kIgnore
  Millis delay{0};
};

// How long a worker or server that left by itself is not missed: the run may be over before the
// scheduler has ended, which takes a machine under load many seconds.
inline constexpr Millis kLeaveGrace{30000};
// Restarts in a window of workers that died at once, over all of them; a run that needs more has a
// fault that restarts do not heal.
inline constexpr Millis kRestartWindow{60000};
// Who dies so soon after its start has died at once. A server or scheduler that does so many times
// in a row is not started again; each time it is waited twice as long. Unless it was killed
// (SIGKILL): nobody does that to himself, so that his next start may go well. He is given up never,
// and after so many deaths waited for a little, should the system lack the memory for him.
inline constexpr Millis kDiedAtOnce{10000};
inline constexpr uint32_t kDeathsAtOnceMax = 8;
inline constexpr Millis kWaitForTheKilled{2000};

// Owned and called by one thread.
class Supervisor {
 public:
  // At most max(8, workers) restarts in a window.
  explicit Supervisor(uint32_t workers) : restarts_max_(workers < 8 ? 8 : workers) {}

  // A process was started, for the first time or anew.
  void OnStart(RoleKind kind, uint32_t number, Millis now);
  // A process has ended. `phase`: of the scheduler's last status, "" before the first.
  // `last_words`: the last line of its log.
  Verdict OnExit(RoleKind kind, uint32_t number, const ExitOfProcess& exit, std::string_view phase,
                 const std::string& last_words, Millis now);

 private:
  struct Life {
    Millis started{0};
    uint32_t deaths_at_once = 0;  // in a row
  };
  Verdict OnWorkerExit(uint32_t number, const std::string& what, const ExitOfProcess& exit,
                       Millis now);
  Verdict RestartOrGiveUp(RoleKind kind, uint32_t number, const std::string& what,
                          const ExitOfProcess& exit, Millis now);
  // In a row, this one included.
  uint32_t CountDeathAtOnce(RoleKind kind, uint32_t number, Millis now);
  // True when one restart more is within bounds; counts it.
  bool TakeRestart(Millis now);

  uint32_t restarts_max_;
  std::deque<Millis> restarts_;
  std::map<std::pair<RoleKind, uint32_t>, Life> lives_;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_SUPERVISION_H_
