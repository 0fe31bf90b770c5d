#include "scheduler/resume_point.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "fmt/format.h"
#include "glog/logging.h"
#include "net/manifest_file.h"

namespace caravan::scheduler {
namespace {

absl::Status CheckIsOfRun(const conf::Manifest& manifest, const conf::RunSpec& spec,
                          const std::string& directory) {
  const auto differs = [&directory](std::string_view what, uint64_t found, uint64_t wanted) {
    return absl::FailedPreconditionError(
        fmt::format("checkpoint {} is of another {} ({:x}) than the run ({:x})", directory, what,
                    found, wanted));
  };
  const uint64_t job = conf::JobFingerprint(spec.job());
  const uint64_t model = conf::ModelFingerprint(spec.model());
  const uint64_t shards = spec.job().cluster().shards();
  if (manifest.run_id() != spec.run_id()) return differs("run", manifest.run_id(), spec.run_id());
  if (manifest.job_fingerprint() != job) return differs("job", manifest.job_fingerprint(), job);
  if (manifest.model_fingerprint() != model) {
    return differs("model", manifest.model_fingerprint(), model);
  }
  if (manifest.shards() != shards) {
    return differs("number of shards", manifest.shards(), shards);
  }
  if (manifest.block_plan().batch_size() == 0 || manifest.block_plan().block_batches() == 0) {
    return absl::DataLossError(fmt::format("checkpoint {} has no block plan", directory));
  }
  return absl::OkStatus();
}

}  // namespace

uint64_t NextCheckpoint(const std::string& checkpoints_directory) {
  uint64_t highest = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(checkpoints_directory, error)) {
    const std::string name = entry.path().filename().string();
    uint64_t number = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (code == std::errc() && end == name.data() + name.size()) {
      highest = std::max(highest, number);
    }
  }
  return highest + 1;
}

absl::StatusOr<ResumePoint> FindResumePoint(const conf::RunSpec& spec,
                                            const std::string& checkpoints_directory, bool resume) {
  ResumePoint point;
  point.block_plan = spec.block_plan();
  point.next_checkpoint = NextCheckpoint(checkpoints_directory);
  if (resume) {
    point.first_routing_epoch = static_cast<uint32_t>(absl::ToUnixSeconds(absl::Now()));
  }
  const absl::StatusOr<std::string> latest = net::LatestCheckpoint(checkpoints_directory);
  if (absl::IsNotFound(latest.status())) {
    if (resume) {
      LOG(WARNING) << "no complete checkpoint in " << checkpoints_directory
                   << ": the run starts from its initial state";
    }
    return point;
  }
  CARAVAN_RETURN_IF_ERROR(latest.status());
  if (!resume) {
    return absl::AlreadyExistsError(fmt::format(
        "{} is there already: go on with --resume, or take another run directory", *latest));
  }
  CARAVAN_ASSIGN_OR_RETURN(const conf::Manifest manifest, net::ReadManifest(*latest));
  CARAVAN_RETURN_IF_ERROR(CheckIsOfRun(manifest, spec, *latest));
  point.directory = *latest;
  point.block_plan = manifest.block_plan();
  point.queue.epoch = manifest.queue().epoch();
  point.queue.finished = manifest.queue().finished();
  point.queue.validation = manifest.queue().validation();
  point.queue.done_blocks.assign(manifest.queue().done_blocks().begin(),
                                 manifest.queue().done_blocks().end());
  return point;
}

}  // namespace caravan::scheduler
