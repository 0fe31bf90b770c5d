// RocksDB behind absl::Status: one database of a lane, tuned for rows of floats that are written
// behind and seldom read. Errors name the database's folder and what RocksDB said; corruption is
// DATA_LOSS.
#ifndef CARAVAN_STORAGE_ROCKSDB_ADAPTER_H_
#define CARAVAN_STORAGE_ROCKSDB_ADAPTER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class DB;
class WriteBatch;
class Logger;
class Status;
}  // namespace rocksdb

namespace caravan::storage {

// Puts that are written together.
class RecordBatch {
 public:
  RecordBatch();
  ~RecordBatch();
  void Put(std::string_view key, std::string_view value);
  uint64_t bytes() const;
  uint32_t records() const;

 private:
  friend class RocksDb;
  std::unique_ptr<rocksdb::WriteBatch> batch_;
};

// Owned and called by one lane thread; RocksDB's own threads flush and compact.
class RocksDb {
 public:
  // An empty database in `directory`; what an earlier process left there is deleted. `memory_bytes`
  // bounds block cache and write buffers.
  static absl::StatusOr<std::unique_ptr<RocksDb>> Create(const std::string& directory,
                                                         uint64_t memory_bytes);
  // One that is there; nothing is written to its folder. Blocks that are read are checked.
  static absl::StatusOr<std::unique_ptr<RocksDb>> OpenReadOnly(const std::string& directory,
                                                               uint64_t memory_bytes);
  ~RocksDb();

  // Calls found(i, value) for each of `keys` that is there; an error of it ends the call.
  absl::Status MultiGet(std::span<const std::string_view> keys,
                        absl::FunctionRef<absl::Status(size_t, std::string_view)> found);
  // Calls visit(key, value) for first <= key < last in order; an error of it ends the call.
  absl::Status Scan(std::string_view first, std::string_view last,
                    absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit);
  // Empties `batch`. There is no write-ahead log: what was written lasts from WriteCheckpoint on.
  absl::Status Write(RecordBatch& batch);
  // Flushes, then makes `directory`, which must not exist, a copy by hard links.
  absl::Status WriteCheckpoint(const std::string& directory);

  const std::string& directory() const { return directory_; }

 private:
  RocksDb(std::string directory, std::shared_ptr<rocksdb::Logger> log,
          std::unique_ptr<rocksdb::DB> db);
  absl::Status ToStatus(const rocksdb::Status& status, std::string_view what) const;

  std::string directory_;
  std::shared_ptr<rocksdb::Logger> log_;  // shared with the database's options, by its interface
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_ROCKSDB_ADAPTER_H_
