// The simulated disk of the cluster: files and stores of records in memory, that lose at a
// process's death or a loss of power what the real ones may lose, and fill up.
//
// Each process reaches it through a DiskOfProcess of its own, which can be told to die at a certain
// operation: that one is cut short, and all later ones fail, until the harness buries the process.
#ifndef CARAVAN_TESTS_SIM_DISK_H_
#define CARAVAN_TESTS_SIM_DISK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "storage/file_system.h"
#include "storage/record_store.h"

namespace caravan::sim {

using Records = std::map<std::string, std::string, std::less<>>;

// Shared by its hard links.
struct Inode {
  std::string content;
  std::string synced;     // what a loss of power leaves for certain
  uint64_t capacity = 0;  // of an AppendFile; else 0: the content's size
  uint64_t appended = 0;  // of an AppendFile
};

// What a RecordStore's folder holds.
struct StoreState {
  Records flushed;
  std::vector<Records> written;  // since the last flush, in order
};

// Without doubled or trailing slashes.
std::string Clean(std::string_view path);

class Disk {
 public:
  explicit Disk(RandomStream random) : random_(random) {}

  // How much of what wants room gets it from here on: all, half by the seed, nothing.
  enum class Room { kEnough, kScarce, kNone };
  void SetRoom(Room room) { room_ = room; }
  Room room() const { return room_; }
  // Since the disk began; it differs after each loss of power.
  uint64_t boots() const { return boots_; }
  // The machine loses power: of what was not synced some stays, by the seed. All processes are
  // dead then; that is the caller's to see to.
  void LosePower();
  // What lies below `directory` is gone for good.
  void LoseTree(const std::string& directory);
  // A process has died: its locks are free, and of what its stores had not flushed a part stays.
  void Bury(const void* process);

 private:
  friend class DiskOfProcess;
  friend class SimAppendFile;
  friend class SimRecordStore;
  friend class SimFileLock;

  // A change of names since the last SyncDirectory of its folder, to be undone in a loss of power.
  struct NameChange {
    std::string path;
    std::shared_ptr<Inode> before;  // null: there was none
  };
  void SetName(const std::string& path, std::shared_ptr<Inode> inode);
  void SyncNames(std::string_view directory);
  uint64_t Draw(uint64_t bound) { return random_.NextBelow(bound); }
  bool HasRoom() {
    return room_ == Room::kEnough || (room_ == Room::kScarce && random_.NextBelow(2) == 0);
  }

  RandomStream random_;
  Room room_ = Room::kEnough;
  uint64_t boots_ = 0;
  std::map<std::string, std::shared_ptr<Inode>> names_;  // of files
  std::set<std::string> directories_ = {"/"};
  std::vector<NameChange> unsynced_names_;    // in order
  std::map<std::string, StoreState> stores_;  // by folder
  std::map<std::string, const void*> store_owners_;
  std::map<std::string, const void*> locks_;  // by path
};

// The file system and the stores of one process. A planted fault may sit in it.
class DiskOfProcess final : public storage::FileSystem, public storage::RecordStores {
 public:
  explicit DiskOfProcess(Disk* disk) : disk_(disk) {}
  ~DiskOfProcess() override { disk_->Bury(this); }

  // It dies in the `operations`-th operation that changes something, counted from now.
  void DieAfter(uint64_t operations) { operations_left_ = operations; }
  // Not, after all.
  void Spare() { operations_left_.reset(); }
  // It is dead: whatever its parts still want to write as they go is not written.
  void Die() { is_dead_ = true; }
  bool is_dead() const { return is_dead_; }
  uint64_t operations() const { return operations_; }
  // Whether something that wants room gets it now.
  bool HasRoom() { return disk_->HasRoom(); }
  // Planted: what is appended to files whose path holds `part` is acknowledged but not done.
  void ForgetAppendsTo(std::string part) { forgets_appends_to_ = std::move(part); }

  absl::StatusOr<std::unique_ptr<storage::AppendFile>> CreateAppendFile(const std::string& path,
                                                                        uint64_t capacity) override;
  absl::StatusOr<std::string> ReadFile(const std::string& path) override;
  absl::Status WriteFileAtomically(const std::string& path, std::string_view content) override;
  absl::StatusOr<FileDigest> DigestFile(const std::string& path) override;
  absl::Status SyncFile(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  bool Exists(const std::string& path) override;
  bool IsDirectory(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status HardLink(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveTree(const std::string& directory) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<storage::FileLock>> Lock(const std::string& path) override;
  absl::StatusOr<std::string> BootId() override;

  absl::StatusOr<std::unique_ptr<storage::RecordStore>> Create(const std::string& directory,
                                                               uint64_t memory_bytes) override;
  absl::StatusOr<std::unique_ptr<storage::RecordStore>> Open(const std::string& directory,
                                                             uint64_t memory_bytes) override;
  absl::StatusOr<std::unique_ptr<storage::RecordStore>> OpenReadOnly(
      const std::string& directory, uint64_t memory_bytes) override;

 private:
  friend class SimAppendFile;
  friend class SimRecordStore;

  // kGo: the operation is done. kCut: the process dies in it, having done some of it. kDead: it
  // is dead already.
  enum class Fate { kGo, kCut, kDead };
  Fate Begin();
  absl::Status BeginWhole(bool wants_room, const std::string& path);
  static absl::Status Dead();

  Disk* const disk_;
  std::optional<uint64_t> operations_left_;
  uint64_t operations_ = 0;
  bool is_dead_ = false;
  std::string forgets_appends_to_;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_DISK_H_
