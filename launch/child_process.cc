#include "launch/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/status_macros.h"

namespace caravan::launch {
namespace {

// Runs between fork and exec, where only async-signal-safe calls are allowed. Writes errno to
// `report` where exec fails.
[[noreturn]] void BecomeChild(char* const* arguments, pid_t parent, int log, int report) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent ended before it could be watched
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) signal(number, SIG_DFL);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(arguments[0], arguments);
  const int error = errno;
  // Nobody is left to be told where this fails.
  [[maybe_unused]] const ssize_t written = write(report, &error, sizeof(error));
  _exit(127);
}

}  // namespace

std::string ExitOfProcess::Text() const {
  if (signal != 0) return fmt::format("signal {} ({})", signal, strsignal(signal));
  return fmt::format("exit code {}", code);
}

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::vector<std::string>& arguments,
                                                 const std::string& log_path) {
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    words.push_back(const_cast<char*>(argument.c_str()));
  }
  words.push_back(nullptr);
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", log_path));
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    const int error = errno;
    close(log);
    return absl::ErrnoToStatus(error, "cannot make a pipe");
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeChild(words.data(), parent, log, report[1]);
  const int fork_error = errno;
  close(log);
  close(report[1]);
  int exec_error = 0;
  // The pipe closes without a word when exec has succeeded.
  const ssize_t got = pid < 0 ? 0 : read(report[0], &exec_error, sizeof(exec_error));
  close(report[0]);
  if (pid < 0) return absl::ErrnoToStatus(fork_error, fmt::format("cannot start {}", arguments[0]));
  ChildProcess child(pid);
  if (got > 0) {
    return absl::NotFoundError(
        fmt::format("cannot run {}: {}", arguments[0], std::strerror(exec_error)));
  }
  return child;
}

ChildProcess::~ChildProcess() { Kill(); }

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  Kill();
  pid_ = std::exchange(other.pid_, -1);
  exit_ = other.exit_;
  return *this;
}

std::optional<ExitOfProcess> ChildProcess::Poll() {
  if (exit_.has_value() || pid_ < 0) return exit_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  exit_ = WIFSIGNALED(status) ? ExitOfProcess{0, WTERMSIG(status)}
                              : ExitOfProcess{WEXITSTATUS(status), 0};
  return exit_;
}

void ChildProcess::Terminate() {
  if (pid_ >= 0 && !Poll().has_value()) kill(pid_, SIGTERM);
}

void ChildProcess::Kill() {
  if (pid_ < 0 || exit_.has_value()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_ = WIFSIGNALED(status) ? ExitOfProcess{0, WTERMSIG(status)}
                              : ExitOfProcess{WEXITSTATUS(status), 0};
}

absl::StatusOr<std::string> OwnExecutable() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    return absl::InternalError(fmt::format("cannot read /proc/self/exe: {}", error.message()));
  }
  return path.string();
}

std::string LastLine(const std::string& log_path) {
  const absl::StatusOr<std::string> text = ReadFile(log_path);
  if (!text.ok()) return "";
  const size_t end = text->find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const size_t newline = text->find_last_of('\n', end);
  const size_t start = newline == std::string::npos ? 0 : newline + 1;
  return text->substr(start, end + 1 - start);
}

}  // namespace caravan::launch
