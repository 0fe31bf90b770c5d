#include "launch/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/status_macros.h"
#include "conf/job_loader.h"

namespace caravan::launch {

namespace fs = std::filesystem;

absl::StatusOr<RunDirectory> RunDirectory::At(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("--run=DIR is needed");
  std::error_code error;
  fs::path absolute = fs::absolute(path, error).lexically_normal();
  if (error) {
    return absl::InvalidArgumentError(fmt::format("--run={}: {}", path, error.message()));
  }
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  return RunDirectory(absolute.string());
}

bool RunDirectory::HoldsRun() const {
  std::error_code error;
  return fs::exists(RunSpecFile(), error);
}

absl::Status RunDirectory::CreateNew() const {
  if (HoldsRun()) {
    return absl::AlreadyExistsError(
        fmt::format("{} holds a run; go on with it by --resume, or name another --run", path_));
  }
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(path_));
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename().string();
    if (name == "data" || name == "lock" || name == "log") continue;
    return absl::AlreadyExistsError(fmt::format(
        "{} is not empty (it has {}) and holds no run; name another --run", path_, name));
  }
  if (error) return absl::UnknownError(fmt::format("cannot list {}: {}", path_, error.message()));
  return absl::OkStatus();
}

absl::Status RunDirectory::CreateFolders() const {
  for (const std::string& folder :
       {LogDirectory(), CheckpointsDirectory(), EventsDirectory(), TraceDirectory()}) {
    CARAVAN_RETURN_IF_ERROR(CreateDirectories(folder));
  }
  return absl::OkStatus();
}

absl::StatusOr<conf::RunSpec> LoadRunSpec(const RunDirectory& run) {
  if (!run.HoldsRun()) {
    return absl::NotFoundError(
        fmt::format("{} holds no run: there is no run_spec.pb in it", run.path()));
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(run.RunSpecFile()));
  conf::RunSpec spec;
  if (!spec.ParseFromString(bytes) || !spec.has_job() || !spec.has_schema() || !spec.has_model()) {
    return absl::DataLossError(
        fmt::format("{} is damaged: it holds no run spec", run.RunSpecFile()));
  }
  return spec;
}

absl::Status SaveRunSpec(const RunDirectory& run, const conf::RunSpec& spec) {
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(run.JobFile(), conf::JobText(spec.job())));
  return WriteFileAtomically(run.RunSpecFile(), spec.SerializeAsString());
}

absl::StatusOr<RunLock> RunLock::Take(const RunDirectory& run) {
  const int fd = open(run.LockFile().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", run.LockFile()));
  }
  RunLock lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot lock {}", run.LockFile()));
  }
  return absl::AlreadyExistsError(
      fmt::format("{} is in use by another process: one run at a time", run.path()));
}

RunLock::~RunLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace caravan::launch
