// `caravan checkpoint list|verify|prune|reshard`.
#include <fmt/format.h>
#include <gflags/gflags.h>
#include <glog/logging.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "conf/split_samples.h"
#include "launch/checkpoint/checkpoint_ledger.h"
#include "launch/checkpoint/checkpoint_text.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/report/human_text.h"
#include "launch/run_directory.h"
#include "net/manifest_file.h"
#include "ps/reshard.h"
#include "scheduler/resume_point.h"
#include "scheduler/retention.h"

DEFINE_uint32(keep, 0, "complete checkpoints that stay, the newest; 0: checkpoint.keep of the job");
DEFINE_int32(
    keep_every, -1,
    "besides, those whose number is a multiple of it stay; -1: checkpoint.keep_every of the "
    "job");

namespace caravan::launch {
namespace {

using Json = nlohmann::ordered_json;

// The checkpoints that the words behind the command name; all complete ones where there are none.
absl::StatusOr<std::vector<uint64_t>> Chosen(const RunDirectory& run, const CommandLine& line) {
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> all,
                           net::ListCheckpoints(run.CheckpointsDirectory()));
  if (line.arguments.empty()) return all;
  std::vector<uint64_t> chosen;
  for (const std::string& word : line.arguments) {
    uint64_t number = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size() ||
        std::find(all.begin(), all.end(), number) == all.end()) {
      return absl::NotFoundError(fmt::format("\"{}\" is no complete checkpoint of {}; it has {}",
                                             word, run.path(), fmt::join(all, ", ")));
    }
    chosen.push_back(number);
  }
  return chosen;
}

absl::StatusOr<RunDirectory> RunOfCommand() {
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunDirectory::At(FLAGS_run));
  CARAVAN_RETURN_IF_ERROR(LoadRunSpec(run).status());
  return run;
}

absl::Status RunList(const CommandLine& line) {
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunOfCommand());
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, Chosen(run, line));
  // Most runs keep no account of it.
  const absl::StatusOr<uint64_t> best = net::BestCheckpoint(run.CheckpointsDirectory());
  Json json = {{"checkpoints", Json::array()}};
  for (const uint64_t number : numbers) {
    const std::string directory = net::CheckpointDirectory(run.CheckpointsDirectory(), number);
    CARAVAN_ASSIGN_OR_RETURN(const conf::Manifest manifest, net::ReadManifest(directory));
    uint64_t bytes = 0;
    for (const conf::ManifestFile& file : manifest.files()) bytes += file.bytes();
    json["checkpoints"].push_back({{"checkpoint", number},
                                   {"directory", directory},
                                   {"written_at", manifest.written_at()},
                                   {"epoch", manifest.queue().epoch()},
                                   {"finished", manifest.queue().finished()},
                                   {"best", best.ok() && *best == number},
                                   {"lanes", manifest.lanes()},
                                   {"files", manifest.files_size()},
                                   {"bytes", bytes}});
    if (FLAGS_json) continue;
    fmt::print("{}  {}  epoch {}{}{}  {} lanes  {}\n", directory, manifest.written_at(),
               manifest.queue().epoch(), manifest.queue().finished() ? " (the last, done)" : "",
               best.ok() && *best == number ? "  (best)" : "", manifest.lanes(),
               HumanBytes(static_cast<double>(bytes)));
  }
  if (FLAGS_json) fmt::print("{}\n", json.dump());
  if (!FLAGS_json && numbers.empty()) fmt::print("no complete checkpoint yet\n");
  return absl::OkStatus();
}

// One line of JSON or text for a checkpoint; what is wrong with it, if anything.
absl::Status Verify(const RunDirectory& run, const conf::RunSpec& spec, uint64_t number,
                    Json& out) {
  const std::string directory = net::CheckpointDirectory(run.CheckpointsDirectory(), number);
  out = {{"checkpoint", number}, {"directory", directory}, {"ok", false}};
  CARAVAN_ASSIGN_OR_RETURN(const ps::CheckpointSummary summary, ps::SummariseCheckpoint(directory));
  const uint64_t expected = conf::SplitSamples(spec.schema(), "train");
  out.update(CheckpointJson(summary, &spec));
  out["ledger_expected"] = expected;
  if (const absl::Status status = CheckLedger(summary, expected); !status.ok()) {
    return absl::Status(status.code(),
                        fmt::format("{}: {}", directory, std::string(status.message())));
  }
  out["ok"] = true;
  if (FLAGS_json) return absl::OkStatus();
  fmt::print("{}: {} files whole, {} rows, digest {:016x}\n", directory,
             summary.manifest.files_size(), summary.rows, summary.digest);
  for (const auto& [epoch, range] : summary.samples) {
    fmt::print("  epoch {}: {} of {} samples applied on {} shards{}\n", epoch,
               range.lowest == range.highest ? fmt::format("{}", range.lowest)
                                             : fmt::format("{} to {}", range.lowest, range.highest),
               expected, summary.manifest.shards(),
               range.lowest == expected ? ", each once" : ", under way");
  }
  return absl::OkStatus();
}

absl::Status RunVerify(const CommandLine& line) {
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunOfCommand());
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec spec, LoadRunSpec(run));
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, Chosen(run, line));
  if (numbers.empty()) {
    return absl::NotFoundError(fmt::format("{} has no complete checkpoint", run.path()));
  }
  Json json = {{"checkpoints", Json::array()}};
  absl::Status first_error;
  for (const uint64_t number : numbers) {
    Json one;
    const absl::Status status = Verify(run, spec, number, one);
    if (!status.ok()) one["error"] = std::string(status.message());
    first_error.Update(status);
    json["checkpoints"].push_back(std::move(one));
  }
  if (FLAGS_json) fmt::print("{}\n", json.dump());
  return first_error;
}

absl::Status RunPrune(const CommandLine& line) {
  if (!line.arguments.empty()) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is no flag", line.arguments[0]));
  }
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunOfCommand());
  CARAVAN_ASSIGN_OR_RETURN(const RunLock lock, RunLock::Take(run));
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec spec, LoadRunSpec(run));
  conf::Checkpoint retention = spec.job().checkpoint();
  if (FLAGS_keep > 0) retention.set_keep(FLAGS_keep);
  if (FLAGS_keep_every >= 0) retention.set_keep_every(static_cast<uint32_t>(FLAGS_keep_every));
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<std::string> removed,
                           scheduler::PruneCheckpoints(run.CheckpointsDirectory(), retention));
  if (FLAGS_json) {
    fmt::print("{}\n", Json({{"removed", removed}}).dump());
    return absl::OkStatus();
  }
  for (const std::string& directory : removed) fmt::print("removed {}\n", directory);
  if (removed.empty()) fmt::print("nothing to remove\n");
  return absl::OkStatus();
}

// The lanes' own files while they are written again; gone when it goes.
class WorkFolder {
 public:
  static absl::StatusOr<std::unique_ptr<WorkFolder>> Make(const std::string& path) {
    std::unique_ptr<WorkFolder> folder(new WorkFolder(path));
    std::error_code error;
    std::filesystem::remove_all(path, error);  // of a command that was killed
    if (!error) std::filesystem::create_directories(path, error);
    if (!error) return folder;
    return absl::InternalError(fmt::format("cannot make {}: {}", path, error.message()));
  }
  ~WorkFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    if (error) LOG(WARNING) << "cannot remove " << path_ << ": " << error.message();
  }
  const std::string& path() const { return path_; }

 private:
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

absl::Status RunReshard(const CommandLine& line) {
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunOfCommand());
  if (line.arguments.size() > 1) {
    return absl::InvalidArgumentError("one checkpoint at a time is written again");
  }
  if (FLAGS_servers == 0 && FLAGS_lanes == 0) {
    return absl::InvalidArgumentError(
        "--servers=N or --lanes=N is needed: the cluster that it is written for");
  }
  CARAVAN_ASSIGN_OR_RETURN(const RunLock lock, RunLock::Take(run));
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec spec, LoadRunSpec(run));
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, Chosen(run, line));
  if (numbers.empty()) {
    return absl::NotFoundError(fmt::format("{} has no complete checkpoint", run.path()));
  }
  const std::string checkpoints = run.CheckpointsDirectory();
  const uint64_t number = scheduler::NextCheckpoint(checkpoints);
  const conf::Cluster& cluster = spec.job().cluster();
  const uint32_t servers = FLAGS_servers > 0 ? FLAGS_servers : cluster.servers();
  const uint32_t lanes_each = FLAGS_lanes > 0 ? FLAGS_lanes : cluster.lanes();
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<WorkFolder> work,
                           WorkFolder::Make(run.path() + "/reshard"));
  const ps::ReshardOrder order = {.from = net::CheckpointDirectory(checkpoints, numbers.back()),
                                  .to = net::CheckpointDirectory(checkpoints, number),
                                  .checkpoint = number,
                                  .lanes = servers * lanes_each,
                                  .work_directory = work->path()};
  std::error_code error;
  std::filesystem::create_directory(order.to, error);
  if (error) {
    return absl::InternalError(fmt::format("cannot make {}: {}", order.to, error.message()));
  }
  const absl::StatusOr<ps::CheckpointSummary> summary = ps::ReshardCheckpoint(spec, order);
  if (!summary.ok()) {
    std::filesystem::remove_all(order.to, error);
    return summary.status();
  }
  if (FLAGS_json) {
    Json json = CheckpointJson(*summary, &spec);
    json["directory"] = order.to;
    json["from"] = numbers.back();
    fmt::print("{}\n", json.dump());
    return absl::OkStatus();
  }
  fmt::print(
      "{}: the state of checkpoint {} (digest {:016x}), {} rows, for {} servers of {} lanes\n",
      order.to, numbers.back(), summary->digest, summary->rows, servers, lanes_each);
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kCheckpointListCommand = {
    .name = "checkpoint list",
    .summary = "the complete checkpoints of a run",
    .usage = "--run=DIR [--json] [NUMBER ...]",
    .example = "caravan checkpoint list --run=runs/us_flights",
    .flags = "run json",
    .run = RunList,
};
extern constexpr Command kCheckpointVerifyCommand = {
    .name = "checkpoint verify",
    .summary = "reads checkpoints whole: every file, every record, and a true ledger",
    .usage = "--run=DIR [--json] [NUMBER ...]",
    .example = "caravan checkpoint verify --run=runs/us_flights",
    .flags = "run json",
    .run = RunVerify,
};
extern constexpr Command kCheckpointPruneCommand = {
    .name = "checkpoint prune",
    .summary = "removes old checkpoints, and what was never completed",
    .usage = "--run=DIR [--keep=N] [--keep_every=M] [--json]",
    .example = "caravan checkpoint prune --run=runs/us_flights --keep=1",
    .flags = "run keep keep_every json",
    .run = RunPrune,
};

extern constexpr Command kCheckpointReshardCommand = {
    .name = "checkpoint reshard",
    .summary = "writes a checkpoint again for another number of servers and lanes",
    .usage = "--run=DIR [--servers=N] [--lanes=N] [--json] [NUMBER]",
    .example = "caravan checkpoint reshard --run=runs/us_flights --servers=8 --lanes=2",
    .flags = "run servers lanes json",
    .run = RunReshard,
};

}  // namespace caravan::launch
