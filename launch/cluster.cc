#include "launch/cluster.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/status_macros.h"

namespace caravan::launch {
namespace {

constexpr Millis kExitPoll{20};
constexpr Millis kTermToTerm{500};
constexpr Millis kTermToKill{5000};
// A worker more is started after so long though others have not joined yet.
constexpr Millis kWorkerStartPatience{2000};

// Then the launcher's pid and something random.
constexpr std::string_view kSocketDirectoryPrefix = "/tmp/caravan-";

// Of launchers that were killed and could not take theirs along.
void RemoveStaleSocketDirectories() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/tmp", error)) {
    const std::string path = entry.path().string();
    if (!path.starts_with(kSocketDirectoryPrefix)) continue;
    const char* const begin = path.data() + kSocketDirectoryPrefix.size();
    pid_t pid = 0;
    const auto parsed = std::from_chars(begin, path.data() + path.size(), pid);
    const bool is_ours = parsed.ec == std::errc() && *parsed.ptr == '-' && pid > 0;
    if (!is_ours || kill(pid, 0) == 0 || errno != ESRCH) continue;
    std::error_code ignored;  // another user's stays
    std::filesystem::remove_all(entry.path(), ignored);
  }
}

bool IsEnding(std::string_view phase) {
  return phase == "stopping" || phase == "finished" || phase == "failed";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(ClusterOptions options) {
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(options)));
  CARAVAN_RETURN_IF_ERROR(cluster->MakeSocketDirectory());
  // The run begins from its checkpoint: what servers of an earlier start have left is outdated.
  std::error_code error;
  std::filesystem::remove_all(cluster->options_.run.StateDirectory(), error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(), fmt::format("cannot remove {}", cluster->options_.run.StateDirectory()));
  }
  CARAVAN_RETURN_IF_ERROR(cluster->StartMember(RoleKind::kScheduler, 0));
  for (uint32_t i = 0; i < cluster->options_.sizes.servers(); ++i) {
    CARAVAN_RETURN_IF_ERROR(cluster->StartMember(RoleKind::kServer, i));
  }
  return cluster;
}

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)), supervisor_(options_.sizes.workers()) {}

Cluster::~Cluster() {
  Stop(Millis{0});
  if (socket_directory_.empty()) return;
  std::error_code ignored;  // nothing is lost with a folder of sockets that stays
  std::filesystem::remove_all(socket_directory_, ignored);
}

absl::Status Cluster::MakeSocketDirectory() {
  RemoveStaleSocketDirectories();
  std::string directory = fmt::format("{}{}-XXXXXX", kSocketDirectoryPrefix, getpid());
  if (mkdtemp(directory.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, "cannot make a folder for sockets in /tmp");
  }
  socket_directory_ = directory;
  endpoint_ = options_.listen.empty() ? fmt::format("ipc://{}/scheduler", socket_directory_)
                                      : options_.listen;
  return absl::OkStatus();
}

std::vector<std::string> Cluster::Arguments(RoleKind kind, uint32_t number, bool anew) const {
  std::vector<std::string> arguments = {options_.executable, std::string(RoleName(kind))};
  switch (kind) {
    case RoleKind::kScheduler:
      arguments.push_back("--run=" + options_.run.path());
      arguments.push_back("--listen=" + endpoint_);
      if (anew) {
        arguments.push_back("--restart");
      } else if (options_.resume) {
        arguments.push_back("--resume");
      }
      break;
    case RoleKind::kServer:
      arguments.push_back("--scheduler=" + endpoint_);
      arguments.push_back(fmt::format("--listen={}/server-{}", socket_directory_, number));
      arguments.push_back(
          fmt::format("--state={}/server-{:03}", options_.run.StateDirectory(), number));
      arguments.push_back(fmt::format("--run_id={}", options_.run_id));
      arguments.push_back(fmt::format("--number={}", number));
      break;
    case RoleKind::kWorker:
      arguments.push_back("--scheduler=" + endpoint_);
      arguments.push_back(fmt::format("--run_id={}", options_.run_id));
      if (options_.sizes.workers() > options_.turns) {
        arguments.push_back("--turns_directory=" + socket_directory_);
      }
      break;
  }
  return arguments;
}

absl::Status Cluster::StartMember(RoleKind kind, uint32_t number) {
  std::string log =
      fmt::format("{}/{}-{}.log", options_.run.LogDirectory(), RoleName(kind), number);
  CARAVAN_ASSIGN_OR_RETURN(ChildProcess process,
                           ChildProcess::Start(Arguments(kind, number, /*anew=*/false), log));
  members_.push_back({kind, number, std::move(log), std::move(process), false, std::nullopt, {}});
  supervisor_.OnStart(kind, number, SystemClock().Now());
  return absl::OkStatus();
}

absl::Status Cluster::StartAnew(Member& member, Millis now) {
  options_.say(member.restart_text);
  CARAVAN_ASSIGN_OR_RETURN(
      member.process,
      ChildProcess::Start(Arguments(member.kind, member.number, /*anew=*/true), member.log_path));
  member.ended = false;
  member.restart_at.reset();
  supervisor_.OnStart(member.kind, member.number, now);
  return absl::OkStatus();
}

absl::Status Cluster::Tend(const ClusterPhase& phase, Millis now) {
  for (Member& member : members_) {
    if (!member.ended) {
      const std::optional<ExitOfProcess> exit = member.process.Poll();
      if (exit.has_value()) CARAVAN_RETURN_IF_ERROR(NoteExit(member, *exit, phase.phase, now));
    }
    if (!member.restart_at.has_value() || now < *member.restart_at) continue;
    const bool is_missed = member.kind == RoleKind::kScheduler || !IsEnding(phase.phase);
    if (over_ || !is_missed) {
      member.restart_at.reset();
    } else {
      CARAVAN_RETURN_IF_ERROR(StartAnew(member, now));
    }
  }
  return StartWorkers(phase, now);
}

absl::Status Cluster::NoteExit(Member& member, const ExitOfProcess& exit, std::string_view phase,
                               Millis now) {
  member.ended = true;
  if (member.kind == RoleKind::kScheduler && exit.ok()) over_ = true;
  const Verdict verdict = supervisor_.OnExit(
      member.kind, member.number, exit, over_ ? "finished" : phase, LastLine(member.log_path), now);
  member.restart_text = verdict.text;
  switch (verdict.kind) {
    case Verdict::Kind::kIgnore:
      return absl::OkStatus();
    case Verdict::Kind::kRestart:
      member.restart_at = now + verdict.delay;
      return absl::OkStatus();
    case Verdict::Kind::kRestartLater:
      member.restart_at = now + kLeaveGrace;
      return absl::OkStatus();
    case Verdict::Kind::kFail:
      break;
  }
  return Failure(member, verdict.text, exit.code);
}

absl::Status Cluster::Failure(const Member& member, const std::string& why, int exit_code) {
  const std::string text = fmt::format("{}; its log is {}", why, member.log_path);
  // A role that ended so was given something wrong, by whoever gave it to this one.
  if (exit_code == 2) return absl::InvalidArgumentError(text);
  return absl::AbortedError(text);
}

absl::Status Cluster::StartWorkers(const ClusterPhase& phase, Millis now) {
  if (over_ || IsEnding(phase.phase)) return absl::OkStatus();
  const uint32_t joining_max = 2 * std::max(1u, std::thread::hardware_concurrency());
  const auto may_start = [&] {
    if (workers_started_ >= options_.sizes.workers()) return false;
    return workers_started_ < phase.workers_alive + joining_max ||
           now - last_worker_start_ >= kWorkerStartPatience;
  };
  while (may_start()) {
    CARAVAN_RETURN_IF_ERROR(StartMember(RoleKind::kWorker, workers_started_));
    ++workers_started_;
    last_worker_start_ = now;
  }
  return absl::OkStatus();
}

bool Cluster::WaitForAll(Millis wait) {
  const SystemClock clock;
  const Millis until = clock.Now() + wait;
  while (true) {
    bool all = true;
    for (Member& member : members_) {
      if (!member.ended && member.process.Poll().has_value()) member.ended = true;
      all = all && member.ended;
    }
    if (all || clock.Now() >= until) return all;
    std::this_thread::sleep_for(kExitPoll);
  }
}

std::string Cluster::StillThere() const {
  std::vector<std::string> names;
  for (const Member& member : members_) {
    if (!member.ended) names.push_back(fmt::format("{} {}", RoleName(member.kind), member.number));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

void Cluster::Stop(Millis grace) {
  const Millis silent = std::min(grace, kWorthTelling);
  if (WaitForAll(silent)) return;
  if (grace > silent) {
    options_.say(fmt::format("waiting up to {} s for {} to leave", (grace - silent).count() / 1000,
                             StillThere()));
  }
  if (WaitForAll(grace - silent)) return;
  // The scheduler takes a first signal for a wish to checkpoint, a second for the end at once.
  for (const Millis wait : {kTermToTerm, kTermToKill}) {
    for (Member& member : members_) member.process.Terminate();
    if (WaitForAll(wait)) return;
  }
  for (Member& member : members_) {
    member.process.Kill();
    member.ended = true;
  }
}

}  // namespace caravan::launch
