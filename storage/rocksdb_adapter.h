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
#include "storage/record_store.h"

namespace rocksdb {
class DB;
class Env;
class Logger;
class Status;
}  // namespace rocksdb

namespace caravan::storage {

// Owned by one lane thread; RocksDB's own threads flush and compact.
class RocksDb final : public RecordStore {
 public:
  // See RecordStores. `env`: the disk that RocksDB sees, outlives the store; null: the machine's.
  static absl::StatusOr<std::unique_ptr<RocksDb>> Create(const std::string& directory,
                                                         uint64_t memory_bytes,
                                                         rocksdb::Env* env = nullptr);
  static absl::StatusOr<std::unique_ptr<RocksDb>> Open(const std::string& directory,
                                                       uint64_t memory_bytes,
                                                       rocksdb::Env* env = nullptr);
  static absl::StatusOr<std::unique_ptr<RocksDb>> OpenReadOnly(const std::string& directory,
                                                               uint64_t memory_bytes);
  ~RocksDb() override;

  absl::Status MultiGet(std::span<const std::string_view> keys,
                        absl::FunctionRef<absl::Status(size_t, std::string_view)> found) override;
  absl::Status Scan(
      std::string_view first, std::string_view last,
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit) override;
  // There is no write-ahead log.
  absl::Status Write(RecordBatch& batch) override;
  absl::Status Flush() override;
  absl::Status LinkTo(const std::string& directory) override;
  const std::string& directory() const override { return directory_; }

 private:
  RocksDb(std::string directory, std::shared_ptr<rocksdb::Logger> log,
          std::unique_ptr<rocksdb::DB> db);
  static absl::StatusOr<std::unique_ptr<RocksDb>> OpenWith(const std::string& directory,
                                                           uint64_t memory_bytes, rocksdb::Env* env,
                                                           bool create);
  absl::Status ToStatus(const rocksdb::Status& status, std::string_view what) const;
  // Whether tables hold all that was written up to `sequence`, RocksDB's number of a write.
  bool IsFlushed(uint64_t sequence) const;

  std::string directory_;
  std::shared_ptr<rocksdb::Logger> log_;  // shared with the database's options, by its interface
  std::unique_ptr<rocksdb::DB> db_;
};

// The stores of production. `env` as above.
std::unique_ptr<RecordStores> MakeRocksDbStores(rocksdb::Env* env = nullptr);

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_ROCKSDB_ADAPTER_H_
