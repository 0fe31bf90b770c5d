#include "ps/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>

#include <glog/logging.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"

namespace caravan::ps {
namespace {

// "run R incarnation I lost L total T lanes N a b c\n", then its checksum.
std::string FormatOwner(const StateOwner& owner) {
  const std::string line = fmt::format(
      "run {} incarnation {} lost {} total {} lanes {} {}\n", owner.run_id, owner.incarnation,
      owner.state_lost ? 1 : 0, owner.lanes_total, owner.lanes.size(), fmt::join(owner.lanes, " "));
  return fmt::format("{}xxh3 {:016x}\n", line, HashBytes(line));
}

absl::StatusOr<StateOwner> ParseOwner(const std::string& text) {
  std::istringstream words(text);
  std::string word;
  StateOwner owner;
  size_t lanes = 0;
  words >> word >> owner.run_id >> word >> owner.incarnation >> word >> owner.state_lost >> word >>
      owner.lanes_total >> word >> lanes;
  if (words && lanes <= owner.lanes_total) owner.lanes.resize(lanes);
  for (uint32_t& lane : owner.lanes) words >> lane;
  // Whatever was read: it must be what was written, to the byte.
  if (!words || FormatOwner(owner) != text) {
    return absl::DataLossError("it is damaged");
  }
  return owner;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateFolder>> StateFolder::Open(const std::string& path) {
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(path));
  const std::string lock_path = path + "/LOCK";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", lock_path));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    close(lock);
    if (error != EWOULDBLOCK) {
      return absl::ErrnoToStatus(error, fmt::format("cannot lock {}", lock_path));
    }
    return absl::FailedPreconditionError(
        fmt::format("{} is in use by another process: a server needs a folder of its own", path));
  }
  std::unique_ptr<StateFolder> folder(new StateFolder(path, lock));
  const absl::StatusOr<std::string> text = ReadFile(folder->OwnerFile());
  if (absl::IsNotFound(text.status())) return folder;
  const absl::StatusOr<StateOwner> owner = text.ok() ? ParseOwner(*text) : text.status();
  if (owner.ok()) {
    folder->owner_ = *owner;
  } else {
    LOG(WARNING) << folder->OwnerFile() << " is not used: " << owner.status();
  }
  return folder;
}

StateFolder::~StateFolder() { close(lock_); }

absl::Status StateFolder::SetOwner(const StateOwner& owner) {
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(OwnerFile(), FormatOwner(owner)));
  owner_ = owner;
  return absl::OkStatus();
}

absl::Status StateFolder::Disown() {
  owner_.reset();
  if (unlink(OwnerFile().c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot remove {}", OwnerFile()));
  }
  // A loss of power must not bring it back beside lanes that began anew.
  return SyncDirectory(path_);
}

void StateFolder::RemoveAll() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error) LOG(WARNING) << "cannot remove " << path_ << ": " << error.message();
}

}  // namespace caravan::ps
