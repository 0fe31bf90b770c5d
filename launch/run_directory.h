// The directory of a run and what lies in it.
//
//   job.txtpb       the job as resolved, every default written out
//   run_spec.pb     conf.RunSpec and a checksum, what every role is handed; a directory without it
//                   holds no run
//   data/           the imported samples, unless --data named a folder elsewhere
//   checkpoints/    NNNNNN/, see net/manifest_file.h
//   log/            <role>-<n>.log
//   state/          server-NNN/, what its lanes hold while the run goes on, see ps/state_folder.h
//   journal         what the scheduler has decided, see scheduler/journal.h
//   events/         TensorBoard event files
//   trace/          traces
//   metrics.jsonl   one JSON object a line: progress, epoch, evaluation, checkpoint, end
//   report.html     written when the run ends
//   lock            held while a run goes on
#ifndef CARAVAN_LAUNCH_RUN_DIRECTORY_H_
#define CARAVAN_LAUNCH_RUN_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"

namespace caravan::launch {

// Paths only; a value type.
class RunDirectory {
 public:
  // INVALID_ARGUMENT where `path` is empty (--run was not given).
  static absl::StatusOr<RunDirectory> At(const std::string& path);

  const std::string& path() const { return path_; }
  std::string JobFile() const { return path_ + "/job.txtpb"; }
  std::string RunSpecFile() const { return path_ + "/run_spec.pb"; }
  std::string DataDirectory() const { return path_ + "/data"; }
  std::string CheckpointsDirectory() const { return path_ + "/checkpoints"; }
  std::string LogDirectory() const { return path_ + "/log"; }
  std::string StateDirectory() const { return path_ + "/state"; }
  std::string EventsDirectory() const { return path_ + "/events"; }
  std::string TraceDirectory() const { return path_ + "/trace"; }
  std::string MetricsFile() const { return path_ + "/metrics.jsonl"; }
  std::string ReportFile() const { return path_ + "/report.html"; }
  std::string LockFile() const { return path_ + "/lock"; }

  bool HoldsRun() const;
  // Makes the directory for a new run. ALREADY_EXISTS where a run or anything else lies there, but
  // for what an attempt leaves that ended before its run began.
  absl::Status CreateNew() const;
  // Makes what is missing of log/, checkpoints/, events/, trace/.
  absl::Status CreateFolders() const;

 private:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;  // absolute
};

// NOT_FOUND where the directory holds no run, DATA_LOSS where the file is damaged.
absl::StatusOr<conf::RunSpec> LoadRunSpec(const RunDirectory& run);
// Writes run_spec.pb and job.txtpb.
absl::Status SaveRunSpec(const RunDirectory& run, const conf::RunSpec& spec);

// Held by the one process that runs a run; freed when the process ends, however it ends.
class RunLock {
 public:
  // ALREADY_EXISTS where another process holds it.
  static absl::StatusOr<RunLock> Take(const RunDirectory& run);
  ~RunLock();
  RunLock(RunLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  RunLock& operator=(RunLock&&) = delete;

 private:
  explicit RunLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_RUN_DIRECTORY_H_
