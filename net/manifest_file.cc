#include "net/manifest_file.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"

namespace caravan::net {
namespace {

namespace fs = std::filesystem;

std::string ManifestPath(const std::string& directory) { return directory + "/MANIFEST"; }

std::string ChecksumLine(std::string_view text) {
  return fmt::format("# xxh3 {:016x}\n", HashBytes(text));
}

// A path of a manifest stays below the checkpoint's folder.
bool IsInside(const std::string& path) {
  const fs::path relative(path);
  if (path.empty() || relative.is_absolute()) return false;
  return std::none_of(relative.begin(), relative.end(),
                      [](const fs::path& p) { return p == ".."; });
}

}  // namespace

std::string CheckpointDirectory(const std::string& checkpoints_directory, uint64_t checkpoint) {
  return fmt::format("{}/{:06}", checkpoints_directory, checkpoint);
}

void AddLane(const std::string& lane_directory, const SaveCheckpointReply& saved,
             conf::Manifest& manifest) {
  manifest.add_lane_directories(lane_directory);
  for (const CheckpointFile& file : saved.files()) {
    conf::ManifestFile& entry = *manifest.add_files();
    entry.set_path(file.path());
    entry.set_bytes(file.bytes());
    entry.set_checksum(file.checksum());
  }
}

absl::Status WriteManifest(const std::string& directory, conf::Manifest manifest) {
  manifest.set_version(kManifestVersion);
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(manifest, &text)) {
    return absl::InternalError(fmt::format("cannot print the manifest of {}", directory));
  }
  text += ChecksumLine(text);
  return WriteFileAtomically(ManifestPath(directory), text);
}

absl::StatusOr<conf::Manifest> ReadManifest(const std::string& directory) {
  const std::string path = ManifestPath(directory);
  CARAVAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const size_t line_bytes = ChecksumLine("").size();
  if (text.size() < line_bytes) {
    return absl::DataLossError(
        fmt::format("{}: {} bytes, too short for a checksum line", path, text.size()));
  }
  const std::string_view body(text.data(), text.size() - line_bytes);
  const std::string_view line = std::string_view(text).substr(body.size());
  if (const std::string expected = ChecksumLine(body); line != expected) {
    return absl::DataLossError(fmt::format("{}: damaged: its content asks for the last line \"{}\"",
                                           path, expected.substr(0, expected.size() - 1)));
  }
  conf::Manifest manifest;
  if (!google::protobuf::TextFormat::ParseFromString(std::string(body), &manifest)) {
    return absl::DataLossError(fmt::format("{}: is not a manifest in Protobuf text", path));
  }
  if (manifest.version() != kManifestVersion) {
    return absl::FailedPreconditionError(
        fmt::format("{}: version {}, this program reads version {}", path, manifest.version(),
                    kManifestVersion));
  }
  return manifest;
}

absl::Status VerifyFiles(const std::string& directory, const conf::Manifest& manifest) {
  for (const conf::ManifestFile& file : manifest.files()) {
    if (!IsInside(file.path())) {
      return absl::DataLossError(fmt::format("{}: names \"{}\", which is not a path below it",
                                             ManifestPath(directory), file.path()));
    }
    const std::string path = fmt::format("{}/{}", directory, file.path());
    const absl::StatusOr<FileDigest> digest = DigestFile(path);
    if (!digest.ok()) {
      return absl::DataLossError(
          fmt::format("checkpoint is damaged: {}", std::string(digest.status().message())));
    }
    if (digest->bytes != file.bytes()) {
      return absl::DataLossError(fmt::format("checkpoint is damaged: {} has {} bytes instead of {}",
                                             path, digest->bytes, file.bytes()));
    }
    if (digest->checksum != file.checksum()) {
      return absl::DataLossError(
          fmt::format("checkpoint is damaged: {} has checksum {:016x} instead of {:016x}", path,
                      digest->checksum, file.checksum()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint64_t>> ListCheckpoints(const std::string& checkpoints_directory) {
  std::vector<uint64_t> numbers;
  std::error_code error;
  fs::directory_iterator entries(checkpoints_directory, error);
  if (error == std::errc::no_such_file_or_directory) return numbers;
  for (const fs::directory_iterator end; !error && entries != end; entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    uint64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    // Under another spelling ("7") the folder could not be found again by its number.
    if (entries->path() != fs::path(CheckpointDirectory(checkpoints_directory, number))) continue;
    std::error_code missing;
    if (fs::exists(ManifestPath(entries->path().string()), missing)) numbers.push_back(number);
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), fmt::format("cannot list {}", checkpoints_directory));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

absl::StatusOr<std::string> LatestCheckpoint(const std::string& checkpoints_directory) {
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers,
                           ListCheckpoints(checkpoints_directory));
  if (numbers.empty()) {
    return absl::NotFoundError(
        fmt::format("{} holds no complete checkpoint", checkpoints_directory));
  }
  return CheckpointDirectory(checkpoints_directory, numbers.back());
}

absl::StatusOr<uint64_t> BestCheckpoint(const std::string& checkpoints_directory) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string latest, LatestCheckpoint(checkpoints_directory));
  CARAVAN_ASSIGN_OR_RETURN(const conf::Manifest newest, ReadManifest(latest));
  if (!newest.queue().validation().has_best_epoch()) {
    return absl::NotFoundError(fmt::format(
        "{} does not say which epoch was the best: only runs with training.early_stopping keep "
        "that, from their first evaluation on",
        latest));
  }
  const uint32_t best = newest.queue().validation().best_epoch();
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers,
                           ListCheckpoints(checkpoints_directory));
  for (const uint64_t number : numbers) {
    CARAVAN_ASSIGN_OR_RETURN(const conf::Manifest manifest,
                             ReadManifest(CheckpointDirectory(checkpoints_directory, number)));
    const conf::QueueState& queue = manifest.queue();
    if (queue.has_ended_epoch() && queue.ended_epoch() == best) return number;
  }
  return absl::NotFoundError(
      fmt::format("{} has no checkpoint of the end of epoch {}, the best one",
                  checkpoints_directory, best + 1));
}

}  // namespace caravan::net
