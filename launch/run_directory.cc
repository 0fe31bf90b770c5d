#include "launch/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/hash.h"
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

namespace {

// The file ends with a field of its own, fixed64 100: XXH3 of all bytes before it. It is a RunSpec
// to whoever parses it.
constexpr std::string_view kChecksumTag = "\xa1\x06";
constexpr size_t kTrailerBytes = kChecksumTag.size() + sizeof(uint64_t);

std::string Trailer(std::string_view body) {
  const uint64_t checksum = HashBytes(body);
  return std::string(kChecksumTag) +
         std::string(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
}

}  // namespace

absl::StatusOr<conf::RunSpec> LoadRunSpec(const RunDirectory& run) {
  if (!run.HoldsRun()) {
    return absl::NotFoundError(
        fmt::format("{} holds no run: there is no run_spec.pb in it", run.path()));
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(run.RunSpecFile()));
  const std::string_view body =
      std::string_view(bytes).substr(0, std::max(bytes.size(), kTrailerBytes) - kTrailerBytes);
  if (std::string_view(bytes).substr(body.size()) != Trailer(body)) {
    return absl::DataLossError(
        fmt::format("{} is damaged: its checksum is not that of its content", run.RunSpecFile()));
  }
  conf::RunSpec spec;
  if (!spec.ParseFromArray(body.data(), static_cast<int>(body.size())) || !spec.has_job() ||
      !spec.has_schema() || !spec.has_model()) {
    return absl::DataLossError(
        fmt::format("{} is damaged: it holds no run spec", run.RunSpecFile()));
  }
  return spec;
}

absl::Status SaveRunSpec(const RunDirectory& run, const conf::RunSpec& spec) {
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(run.JobFile(), conf::JobText(spec.job())));
  const std::string body = spec.SerializeAsString();
  return WriteFileAtomically(run.RunSpecFile(), body + Trailer(body));
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
