#include "launch/checkpoint/checkpoint_source.h"

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "net/manifest_file.h"

namespace caravan::launch {
namespace {

absl::Status NoSuchCheckpoint(const std::string& checkpoints, uint64_t number) {
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> all, net::ListCheckpoints(checkpoints));
  std::string known;
  for (const uint64_t checkpoint : all) known += fmt::format(" {}", checkpoint);
  return absl::NotFoundError(fmt::format("{} has no complete checkpoint {}; it has:{}", checkpoints,
                                         number, known.empty() ? " none" : known));
}

}  // namespace

absl::StatusOr<uint64_t> CheckpointNumber(const RunDirectory& directory, const std::string& which) {
  const std::string checkpoints = directory.CheckpointsDirectory();
  if (which == "best") return net::BestCheckpoint(checkpoints);
  if (which == "latest") {
    CARAVAN_ASSIGN_OR_RETURN(const std::string latest, net::LatestCheckpoint(checkpoints));
    return std::stoull(std::filesystem::path(latest).filename().string());
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), number);
  if (error == std::errc() && end == which.data() + which.size()) return number;
  return absl::InvalidArgumentError(
      fmt::format("--checkpoint={}: neither 'latest' nor 'best' nor a number", which));
}

absl::StatusOr<std::unique_ptr<ps::CheckpointReader>> OpenCheckpoint(const RunDirectory& directory,
                                                                     const conf::RunSpec& run,
                                                                     uint64_t number) {
  const uint64_t seed = run.job().training().seed();
  if (number == 0) return ps::InitialState(run.model(), seed);
  const storage::RowPart part = run.job().training().has_weight_averaging()
                                    ? storage::RowPart::kAverages
                                    : storage::RowPart::kWeights;
  const std::string checkpoints = directory.CheckpointsDirectory();
  const std::string checkpoint = net::CheckpointDirectory(checkpoints, number);
  if (absl::IsNotFound(net::ReadManifest(checkpoint).status())) {
    return NoSuchCheckpoint(checkpoints, number);
  }
  return ps::CheckpointReader::Open(checkpoint, run.model(), seed, part);
}

absl::Status CheckpointSource::Pull(const worker::TableKeys& keys, worker::Parameters& parameters) {
  if (parameters.dense_versions.empty()) {
    CARAVAN_ASSIGN_OR_RETURN(parameters.dense, reader_->Dense());
    parameters.dense_versions.assign(1, 1);  // a checkpoint never changes
  }
  parameters.rows.resize(keys.size());
  for (uint32_t table = 0; table < keys.size(); ++table) {
    parameters.rows[table].clear();
    if (keys[table].empty()) continue;
    CARAVAN_RETURN_IF_ERROR(reader_->Rows(TableId{table}, keys[table], parameters.rows[table]));
  }
  return absl::OkStatus();
}

}  // namespace caravan::launch
