#include "scheduler/retention.h"

#include <charconv>
#include <filesystem>
#include <system_error>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "net/manifest_file.h"

namespace caravan::scheduler {
namespace {

namespace fs = std::filesystem;

// The MANIFEST goes first: a checkpoint that is half removed does not exist.
absl::Status RemoveCheckpoint(const fs::path& directory) {
  std::error_code error;
  fs::remove(directory / "MANIFEST", error);
  if (!error) fs::remove_all(directory, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), fmt::format("cannot remove {}", directory.string()));
}

// Folders of checkpoints below number `end` that have no MANIFEST.
std::vector<std::string> Unfinished(const std::string& checkpoints_directory, uint64_t end) {
  std::vector<std::string> unfinished;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints_directory, error)) {
    const std::string name = entry.path().filename().string();
    uint64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool is_number = parsed.ec == std::errc() && parsed.ptr == name.data() + name.size();
    std::error_code missing;
    if (is_number && number < end && !fs::exists(entry.path() / "MANIFEST", missing)) {
      unfinished.push_back(entry.path().string());
    }
  }
  return unfinished;
}

}  // namespace

std::vector<uint64_t> CheckpointsToRemove(const std::vector<uint64_t>& numbers,
                                          const conf::Checkpoint& retention,
                                          std::optional<uint64_t> best) {
  std::vector<uint64_t> removed;
  for (size_t i = 0; i + retention.keep() < numbers.size(); ++i) {
    const bool is_kept = retention.keep_every() > 0 && numbers[i] % retention.keep_every() == 0;
    if (!is_kept && numbers[i] != best) removed.push_back(numbers[i]);
  }
  return removed;
}

absl::StatusOr<std::vector<std::string>> PruneCheckpoints(const std::string& checkpoints_directory,
                                                          const conf::Checkpoint& retention) {
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers,
                           net::ListCheckpoints(checkpoints_directory));
  std::vector<std::string> directories;
  if (!numbers.empty()) directories = Unfinished(checkpoints_directory, numbers.back());
  const absl::StatusOr<uint64_t> best = net::BestCheckpoint(checkpoints_directory);
  if (!best.ok() && !absl::IsNotFound(best.status())) return best.status();
  for (const uint64_t number :
       CheckpointsToRemove(numbers, retention, best.ok() ? std::optional(*best) : std::nullopt)) {
    directories.push_back(net::CheckpointDirectory(checkpoints_directory, number));
  }
  std::vector<std::string> removed;
  absl::Status first_error;
  for (const std::string& directory : directories) {
    const absl::Status status = RemoveCheckpoint(directory);
    first_error.Update(status);
    if (status.ok()) removed.push_back(directory);
  }
  CARAVAN_RETURN_IF_ERROR(first_error);
  return removed;
}

}  // namespace caravan::scheduler
