#include "ps/checkpoint_layout.h"

#include <fmt/format.h>

#include <cstring>

#include "conf/fingerprint.h"

namespace caravan::ps {

std::string LaneDirectory(LaneId lane) { return fmt::format("lane-{:03}", Index(lane)); }

std::string FormatShardRecord(uint64_t rows) {
  std::string value(sizeof(kLaneFormat) + sizeof(rows), '\0');
  std::memcpy(value.data(), &kLaneFormat, sizeof(kLaneFormat));
  std::memcpy(value.data() + sizeof(kLaneFormat), &rows, sizeof(rows));
  return value;
}

absl::StatusOr<uint64_t> ParseShardRecord(std::string_view value) {
  uint32_t format = 0;
  uint64_t rows = 0;
  if (value.size() != sizeof(format) + sizeof(rows)) {
    return absl::DataLossError(fmt::format("a shard's record has {} bytes", value.size()));
  }
  std::memcpy(&format, value.data(), sizeof(format));
  std::memcpy(&rows, value.data() + sizeof(format), sizeof(rows));
  if (format != kLaneFormat) {
    return absl::FailedPreconditionError(
        fmt::format("lane format {}, this program reads format {}", format, kLaneFormat));
  }
  return rows;
}

absl::Status CheckManifest(const std::string& directory, const conf::Manifest& manifest,
                           const conf::ModelSpec& model, uint64_t seed) {
  if (manifest.shards() == 0 || manifest.lanes() == 0 ||
      manifest.lanes() != static_cast<uint32_t>(manifest.lane_directories_size())) {
    return absl::DataLossError(fmt::format("{}/MANIFEST: {} shards, {} lanes, {} lane directories",
                                           directory, manifest.shards(), manifest.lanes(),
                                           manifest.lane_directories_size()));
  }
  if (const uint64_t own = conf::ModelFingerprint(model); manifest.model_fingerprint() != own) {
    return absl::FailedPreconditionError(
        fmt::format("{} is of model {:016x}, this job's model is {:016x}: the job has changed",
                    directory, manifest.model_fingerprint(), own));
  }
  if (manifest.seed() != seed) {
    return absl::FailedPreconditionError(
        fmt::format("{} was trained with seed {}, this job has seed {}: rows that it does not hold "
                    "would start elsewhere",
                    directory, manifest.seed(), seed));
  }
  return absl::OkStatus();
}

}  // namespace caravan::ps
