#include "tests/sim/disk.h"

#include <fmt/format.h>
#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace caravan::sim {
namespace {

constexpr uint64_t kSectorBytes = 512;  // written whole or not at all

std::string Padded(const Inode& inode) {
  std::string content = inode.content;
  if (content.size() < inode.capacity) content.resize(inode.capacity, '\0');
  return content;
}

}  // namespace

std::string Clean(std::string_view path) {
  std::string clean;
  for (const char c : path) {
    if (c != '/' || !clean.ends_with('/')) clean += c;
  }
  if (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  return clean;
}

void Disk::SetName(const std::string& path, std::shared_ptr<Inode> inode) {
  const auto before = names_.find(path);
  unsynced_names_.push_back({path, before == names_.end() ? nullptr : before->second});
  if (inode == nullptr) {
    names_.erase(path);
  } else {
    names_[path] = std::move(inode);
  }
}

void Disk::SyncNames(std::string_view directory) {
  std::erase_if(unsynced_names_, [&](const NameChange& change) {
    return std::string_view(change.path).substr(0, change.path.rfind('/')) == directory;
  });
}

void Disk::LosePower() {
  ++boots_;
  // Names are journaled in order: some number of the last changes never happened.
  uint64_t lost = Draw(unsynced_names_.size() + 1);
  for (; lost > 0; --lost) {
    const NameChange& change = unsynced_names_.back();
    if (change.before == nullptr) {
      names_.erase(change.path);
    } else {
      names_[change.path] = change.before;
    }
    unsynced_names_.pop_back();
  }
  unsynced_names_.clear();
  for (auto& [path, inode] : names_) {
    if (inode->content == inode->synced) continue;
    std::string& content = inode->content;
    std::string old = inode->synced;
    old.resize(content.size(), '\0');
    for (uint64_t at = 0; at < content.size(); at += kSectorBytes) {
      if (Draw(2) == 0) content.replace(at, kSectorBytes, old, at, kSectorBytes);
    }
    inode->synced = content;
  }
  for (auto& [directory, store] : stores_) store.written.clear();
}

void Disk::LoseTree(const std::string& directory) {
  const auto is_below = [prefix = directory + "/"](const std::string& path) {
    return path.starts_with(prefix);
  };
  std::erase_if(names_, [&](const auto& name) { return is_below(name.first); });
  std::erase_if(unsynced_names_, [&](const NameChange& change) { return is_below(change.path); });
  std::erase_if(directories_, is_below);
  std::erase_if(stores_, [&](const auto& store) { return is_below(store.first); });
}

void Disk::Bury(const void* process) {
  std::erase_if(locks_, [process](const auto& lock) { return lock.second == process; });
  for (auto owner = store_owners_.begin(); owner != store_owners_.end();) {
    if (owner->second != process) {
      ++owner;
      continue;
    }
    StoreState& store = stores_[owner->first];
    const uint64_t kept = Draw(store.written.size() + 1);
    for (uint64_t i = 0; i < kept; ++i) {
      for (auto& [key, value] : store.written[i]) store.flushed[key] = value;
    }
    store.written.clear();
    owner = store_owners_.erase(owner);
  }
}

absl::Status DiskOfProcess::Dead() { return absl::UnavailableError("the process is dead"); }

DiskOfProcess::Fate DiskOfProcess::Begin() {
  if (is_dead_) return Fate::kDead;
  ++operations_;
  if (!operations_left_.has_value() || (*operations_left_)-- > 0) return Fate::kGo;
  is_dead_ = true;
  return Fate::kCut;
}

// An operation that is done or not, but never half.
absl::Status DiskOfProcess::BeginWhole(bool wants_room, const std::string& path) {
  const Fate fate = Begin();
  if (fate == Fate::kDead || (fate == Fate::kCut && disk_->Draw(2) == 0)) return Dead();
  if (wants_room && !disk_->HasRoom()) {
    return absl::ResourceExhaustedError(fmt::format("{}: the simulated disk is full", path));
  }
  return absl::OkStatus();
}

class SimAppendFile final : public storage::AppendFile {
 public:
  SimAppendFile(DiskOfProcess* process, std::shared_ptr<Inode> inode, bool forgets)
      : process_(process), inode_(std::move(inode)), forgets_(forgets) {}

  absl::Status Append(std::span<const storage::Bytes> parts) override {
    std::string bytes;
    for (const storage::Bytes part : parts) {
      bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    }
    CHECK(bytes.size() % 8 == 0 && !parts.empty() && parts[0].size() >= 8);
    if (bytes.size() > inode_->capacity - inode_->appended) {
      return absl::ResourceExhaustedError("the simulated segment has no room");
    }
    const DiskOfProcess::Fate fate = process_->Begin();
    if (fate == DiskOfProcess::Fate::kDead) return DiskOfProcess::Dead();
    if (forgets_) return absl::OkStatus();
    const uint64_t at = inode_->appended;
    const uint64_t end = at + bytes.size();
    if (fate == DiskOfProcess::Fate::kCut) return Cut(at, std::move(bytes));
    Put(at, bytes + std::string(8, '\0'));
    inode_->appended = end;
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    const DiskOfProcess::Fate fate = process_->Begin();
    if (fate == DiskOfProcess::Fate::kDead) return DiskOfProcess::Dead();
    if (fate == DiskOfProcess::Fate::kGo) inode_->synced = inode_->content;
    return fate == DiskOfProcess::Fate::kGo ? absl::OkStatus() : DiskOfProcess::Dead();
  }
  absl::Status Seal() override {
    const DiskOfProcess::Fate fate = process_->Begin();
    if (fate != DiskOfProcess::Fate::kGo) return DiskOfProcess::Dead();
    inode_->content.resize(inode_->appended);
    inode_->capacity = inode_->appended;
    return absl::OkStatus();
  }
  void Rewind() override {
    if (process_->is_dead_) return;
    Put(0, std::string(8, '\0'));
    inode_->appended = 0;
  }
  uint64_t size() const override { return inode_->appended; }
  uint64_t capacity() const override { return inode_->capacity; }

 private:
  void Put(uint64_t at, std::string bytes) {
    bytes.resize(std::min<uint64_t>(bytes.size(), inode_->capacity - at));
    if (inode_->content.size() < at + bytes.size()) inode_->content.resize(at + bytes.size());
    inode_->content.replace(at, bytes.size(), bytes);
  }
  // All of it and the word that says so, or some of it without.
  absl::Status Cut(uint64_t at, std::string bytes) {
    if (process_->disk_->Draw(2) == 0) {
      Put(at, bytes + std::string(8, '\0'));
      return DiskOfProcess::Dead();
    }
    bytes.replace(0, 8, 8, '\0');
    bytes.resize(8 + process_->disk_->Draw(bytes.size() - 7));
    Put(at, std::move(bytes));
    return DiskOfProcess::Dead();
  }

  DiskOfProcess* const process_;
  const std::shared_ptr<Inode> inode_;
  const bool forgets_;
};

absl::StatusOr<std::unique_ptr<storage::AppendFile>> DiskOfProcess::CreateAppendFile(
    const std::string& given_path, uint64_t capacity) {
  const std::string path = Clean(given_path);
  if (disk_->names_.contains(path)) return absl::AlreadyExistsError(path);
  if (absl::Status status = BeginWhole(true, path); !status.ok()) return status;
  auto inode = std::make_shared<Inode>();
  inode->capacity = capacity;
  disk_->SetName(path, inode);
  if (is_dead_) return Dead();
  const bool forgets =
      !forgets_appends_to_.empty() && path.find(forgets_appends_to_) != std::string::npos;
  return std::make_unique<SimAppendFile>(this, std::move(inode), forgets);
}

absl::StatusOr<std::string> DiskOfProcess::ReadFile(const std::string& given_path) {
  const std::string path = Clean(given_path);
  if (is_dead_) return Dead();
  const auto file = disk_->names_.find(path);
  if (file == disk_->names_.end()) return absl::NotFoundError(path + " is not there");
  return Padded(*file->second);
}

absl::Status DiskOfProcess::WriteFileAtomically(const std::string& given_path,
                                                std::string_view content) {
  const std::string path = Clean(given_path);
  if (absl::Status status = BeginWhole(true, path); !status.ok()) return status;
  auto inode = std::make_shared<Inode>();
  inode->content = inode->synced = content;
  disk_->SetName(path, std::move(inode));
  disk_->SyncNames(path.substr(0, path.rfind('/')));
  return is_dead_ ? Dead() : absl::OkStatus();
}

absl::StatusOr<FileDigest> DiskOfProcess::DigestFile(const std::string& given_path) {
  const std::string path = Clean(given_path);
  const absl::StatusOr<std::string> content = ReadFile(path);
  if (!content.ok()) return content.status();
  return FileDigest{.bytes = content->size(), .checksum = HashBytes(*content)};
}

absl::Status DiskOfProcess::SyncFile(const std::string& given_path) {
  const std::string path = Clean(given_path);
  const Fate fate = Begin();
  if (fate != Fate::kGo) return Dead();
  const auto file = disk_->names_.find(path);
  if (file == disk_->names_.end()) return absl::NotFoundError(path + " is not there");
  file->second->synced = file->second->content;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> DiskOfProcess::List(const std::string& given_directory) {
  const std::string directory = Clean(given_directory);
  if (is_dead_) return Dead();
  if (!disk_->directories_.contains(directory)) {
    return absl::NotFoundError(directory + " is not there");
  }
  const std::string prefix = directory + "/";
  std::set<std::string> names;
  const auto add = [&](const std::string& path) {
    if (path.starts_with(prefix)) {
      names.insert(path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size()));
    }
  };
  for (const auto& [path, inode] : disk_->names_) add(path);
  for (const std::string& path : disk_->directories_) add(path);
  return std::vector<std::string>(names.begin(), names.end());
}

bool DiskOfProcess::Exists(const std::string& given_path) {
  const std::string path = Clean(given_path);
  return disk_->names_.contains(path) || disk_->directories_.contains(path);
}

bool DiskOfProcess::IsDirectory(const std::string& given_path) {
  const std::string path = Clean(given_path);
  return disk_->directories_.contains(path);
}

absl::Status DiskOfProcess::Rename(const std::string& given_from, const std::string& given_to) {
  const std::string from = Clean(given_from);
  const std::string to = Clean(given_to);
  const auto file = disk_->names_.find(from);
  if (file == disk_->names_.end()) return absl::NotFoundError(from + " is not there");
  if (absl::Status status = BeginWhole(false, from); !status.ok()) return status;
  const std::shared_ptr<Inode> inode = file->second;
  disk_->SetName(to, inode);
  disk_->SetName(from, nullptr);
  return is_dead_ ? Dead() : absl::OkStatus();
}

absl::Status DiskOfProcess::HardLink(const std::string& given_from, const std::string& given_to) {
  const std::string from = Clean(given_from);
  const std::string to = Clean(given_to);
  const auto file = disk_->names_.find(from);
  if (file == disk_->names_.end()) return absl::NotFoundError(from + " is not there");
  if (disk_->names_.contains(to)) return absl::AlreadyExistsError(to);
  if (absl::Status status = BeginWhole(true, to); !status.ok()) return status;
  disk_->SetName(to, file->second);
  return is_dead_ ? Dead() : absl::OkStatus();
}

absl::Status DiskOfProcess::Remove(const std::string& given_path) {
  const std::string path = Clean(given_path);
  if (absl::Status status = BeginWhole(false, path); !status.ok()) return status;
  if (disk_->names_.contains(path)) disk_->SetName(path, nullptr);
  return is_dead_ ? Dead() : absl::OkStatus();
}

// File by file: a death leaves the rest.
absl::Status DiskOfProcess::RemoveTree(const std::string& given_directory) {
  const std::string directory = Clean(given_directory);
  const std::string prefix = directory + "/";
  std::vector<std::string> paths;
  for (const auto& [path, inode] : disk_->names_) {
    if (path.starts_with(prefix)) paths.push_back(path);
  }
  for (const std::string& path : paths) {
    if (absl::Status status = Remove(path); !status.ok()) return status;
  }
  if (is_dead_) return Dead();
  std::erase_if(disk_->directories_, [&](const std::string& path) {
    return path == directory || path.starts_with(prefix);
  });
  std::erase_if(disk_->stores_, [&](const auto& store) {
    return store.first == directory || store.first.starts_with(prefix);
  });
  return absl::OkStatus();
}

absl::Status DiskOfProcess::CreateDirectories(const std::string& given_path) {
  const std::string path = Clean(given_path);
  if (disk_->directories_.contains(path)) return is_dead_ ? Dead() : absl::OkStatus();
  if (absl::Status status = BeginWhole(true, path); !status.ok()) return status;
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    disk_->directories_.insert(path.substr(0, at));
  }
  disk_->directories_.insert(path);
  return is_dead_ ? Dead() : absl::OkStatus();
}

absl::Status DiskOfProcess::SyncDirectory(const std::string& given_path) {
  const std::string path = Clean(given_path);
  const Fate fate = Begin();
  if (fate != Fate::kGo) return Dead();
  disk_->SyncNames(path);
  return absl::OkStatus();
}

class SimFileLock final : public storage::FileLock {
 public:
  SimFileLock(Disk* disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~SimFileLock() override { disk_->locks_.erase(path_); }

 private:
  Disk* const disk_;
  const std::string path_;
};

absl::StatusOr<std::unique_ptr<storage::FileLock>> DiskOfProcess::Lock(
    const std::string& given_path) {
  const std::string path = Clean(given_path);
  if (is_dead_) return Dead();
  if (!disk_->locks_.emplace(path, this).second) {
    return absl::FailedPreconditionError(path + " is locked by another process");
  }
  if (!disk_->names_.contains(path)) disk_->SetName(path, std::make_shared<Inode>());
  return std::make_unique<SimFileLock>(disk_, path);
}

absl::StatusOr<std::string> DiskOfProcess::BootId() {
  if (is_dead_) return Dead();
  return fmt::format("boot-{}", disk_->boots_);
}

}  // namespace caravan::sim
