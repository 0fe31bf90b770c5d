// Where a lane's cold rows lie: records sorted by key. RocksDB in production (rocksdb_adapter.h),
// a map in memory in simulations.
#ifndef CARAVAN_STORAGE_RECORD_STORE_H_
#define CARAVAN_STORAGE_RECORD_STORE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class WriteBatch;
}

namespace caravan::storage {

// Puts that are written together.
class RecordBatch {
 public:
  RecordBatch();
  ~RecordBatch();
  void Put(std::string_view key, std::string_view value);
  void Clear();
  uint64_t bytes() const;
  uint32_t records() const;
  // In the order of the puts.
  void ForEach(absl::FunctionRef<void(std::string_view key, std::string_view value)> visit) const;
  rocksdb::WriteBatch& rocksdb_batch() { return *batch_; }

 private:
  std::unique_ptr<rocksdb::WriteBatch> batch_;
};

// Owned by one lane thread. Flush and LinkTo may be called by another thread beside all else.
class RecordStore {
 public:
  virtual ~RecordStore() = default;

  // Calls found(i, value) for each of `keys` that is there; an error of it ends the call.
  virtual absl::Status MultiGet(
      std::span<const std::string_view> keys,
      absl::FunctionRef<absl::Status(size_t, std::string_view)> found) = 0;
  // Calls visit(key, value) for first <= key < last in order; an error of it ends the call.
  virtual absl::Status Scan(
      std::string_view first, std::string_view last,
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit) = 0;
  // Empties `batch`, all of which is written or nothing. What was written survives the process
  // from the next Flush on; where it ends before, any number of the last writes are lost, in order.
  virtual absl::Status Write(RecordBatch& batch) = 0;
  virtual absl::Status Flush() = 0;
  // Makes `directory`, which must not exist, a copy by hard links of what was flushed; of later
  // writes the copy may hold any number of the first ones.
  virtual absl::Status LinkTo(const std::string& directory) = 0;
  virtual const std::string& directory() const = 0;
};

// Opens stores. Thread-safe.
class RecordStores {
 public:
  virtual ~RecordStores() = default;
  // An empty one in `directory`; what an earlier process left there is deleted. `memory_bytes`
  // bounds caches and write buffers.
  virtual absl::StatusOr<std::unique_ptr<RecordStore>> Create(const std::string& directory,
                                                              uint64_t memory_bytes) = 0;
  // What an earlier process left; NOT_FOUND where there is none.
  virtual absl::StatusOr<std::unique_ptr<RecordStore>> Open(const std::string& directory,
                                                            uint64_t memory_bytes) = 0;
  // One that nobody writes to; nothing is written to its folder. What is read is checked.
  virtual absl::StatusOr<std::unique_ptr<RecordStore>> OpenReadOnly(const std::string& directory,
                                                                    uint64_t memory_bytes) = 0;
};

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_RECORD_STORE_H_
