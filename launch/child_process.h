// A process that this one has started and answers for.
#ifndef CARAVAN_LAUNCH_CHILD_PROCESS_H_
#define CARAVAN_LAUNCH_CHILD_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace caravan::launch {

// How a process ended: by exit(code) or by a signal.
struct ExitOfProcess {
  int code = 0;
  int signal = 0;  // 0: it exited by itself

  bool ok() const { return code == 0 && signal == 0; }
  std::string Text() const;  // "exit code 1", "signal 9 (Killed)"
};

// Owned and called by one thread, the one that started it: the kernel kills the process when that
// thread ends, so that none is left behind even where this process is killed. The process has a
// group of its own (a Ctrl-C in the terminal does not reach it), reads nothing, and writes stdout
// and stderr behind what is in its log. The destructor kills it.
class ChildProcess {
 public:
  // `arguments[0]` is the program's path. NOT_FOUND where it cannot be run.
  static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& arguments,
                                            const std::string& log_path);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  pid_t pid() const { return pid_; }
  // Nothing while it runs. Never waits.
  std::optional<ExitOfProcess> Poll();
  // SIGTERM; nothing where it has ended.
  void Terminate();
  // SIGKILL, and waits until it is gone.
  void Kill();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
  std::optional<ExitOfProcess> exit_;
};

// The path of this program, to start its other commands.
absl::StatusOr<std::string> OwnExecutable();

// The last line of a log that says something; empty where there is none.
std::string LastLine(const std::string& log_path);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_CHILD_PROCESS_H_
