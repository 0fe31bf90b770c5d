#include "storage/rocksdb_adapter.h"

#include <cstdarg>
#include <cstdio>
#include <exception>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <glog/logging.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/metadata.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include "base/file.h"
#include "base/status_macros.h"
#include "storage/flushed_mark.h"

namespace caravan::storage {
namespace {

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

// RocksDB's own log would be a file in every folder it opens, checkpoints too; what matters of it
// goes to ours.
class ErrorLogger final : public rocksdb::Logger {
 public:
  ErrorLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::ERROR_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char line[512];
    std::vsnprintf(line, sizeof(line), format, arguments);
    LOG(WARNING) << "rocksdb: " << line;
  }
};

absl::Status Translate(const rocksdb::Status& status, std::string_view what,
                       const std::string& directory) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = fmt::format("cannot {} {}: {}", what, directory, status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(text);
  // What waits for an earlier error that was one wraps it in a code of its own.
  const bool is_full = status.IsNoSpace() || text.find("No space left") != std::string::npos;
  if (is_full) return absl::ResourceExhaustedError(text);
  return absl::UnavailableError(text);
}

// Exceptions of RocksDB and of the allocator under it end here.
template <typename Call>
absl::Status Guard(std::string_view what, const std::string& directory, Call call) {
  try {
    return call();
  } catch (const std::exception& error) {
    return absl::InternalError(fmt::format("cannot {} {}: {}", what, directory, error.what()));
  }
}

rocksdb::Options OptionsOn(rocksdb::Env* env) {
  rocksdb::Options options;
  if (env != nullptr) options.env = env;
  return options;
}

rocksdb::Options MakeOptions(uint64_t memory_bytes, rocksdb::Env* env,
                             std::shared_ptr<rocksdb::Logger> log) {
  rocksdb::Options options = OptionsOn(env);
  options.create_if_missing = true;
  options.error_if_exists = false;
  options.info_log = std::move(log);
  // Floats do not compress: LZ4 would cost time and save nothing.
  options.compression = rocksdb::kNoCompression;
  options.bottommost_compression = rocksdb::kNoCompression;
  options.write_buffer_size = memory_bytes / 4;
  options.max_write_buffer_number = 2;
  options.max_open_files = 256;
  options.stats_dump_period_sec = 0;
  options.level_compaction_dynamic_level_bytes = true;
  options.avoid_flush_during_shutdown = true;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(memory_bytes / 2, 2);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.block_size = 16 << 10;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

RocksDb::RocksDb(std::string directory, std::shared_ptr<rocksdb::Logger> log,
                 std::unique_ptr<rocksdb::DB> db)
    : directory_(std::move(directory)), log_(std::move(log)), db_(std::move(db)) {}
RocksDb::~RocksDb() = default;

absl::Status RocksDb::ToStatus(const rocksdb::Status& status, std::string_view what) const {
  return Translate(status, what, directory_);
}

absl::StatusOr<std::unique_ptr<RocksDb>> RocksDb::Create(const std::string& directory,
                                                         uint64_t memory_bytes, rocksdb::Env* env) {
  // DestroyDB takes only RocksDB's files away, and the folder with them; it wants one to be there.
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
  CARAVAN_RETURN_IF_ERROR(Guard("create the database", directory, [&]() -> absl::Status {
    // First, so that it never stands beside another database.
    rocksdb::Status cleared = RemoveFlushedMark(*OptionsOn(env).env, directory);
    if (cleared.ok()) cleared = rocksdb::DestroyDB(directory, OptionsOn(env));
    return Translate(cleared, "clear the database", directory);
  }));
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
  return OpenWith(directory, memory_bytes, env, /*create=*/true);
}

absl::StatusOr<std::unique_ptr<RocksDb>> RocksDb::Open(const std::string& directory,
                                                       uint64_t memory_bytes, rocksdb::Env* env) {
  return OpenWith(directory, memory_bytes, env, /*create=*/false);
}

absl::StatusOr<std::unique_ptr<RocksDb>> RocksDb::OpenWith(const std::string& directory,
                                                           uint64_t memory_bytes, rocksdb::Env* env,
                                                           bool create) {
  auto log = std::make_shared<ErrorLogger>();
  rocksdb::Options options = MakeOptions(memory_bytes, env, log);
  options.create_if_missing = create;
  std::unique_ptr<rocksdb::DB> db;
  CARAVAN_RETURN_IF_ERROR(Guard("open the database", directory, [&] {
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, directory, &opened);
    db.reset(opened);
    return Translate(status, create ? "create the database" : "open the database", directory);
  }));
  CARAVAN_ASSIGN_OR_RETURN(const uint64_t flushed, ReadFlushedMark(*options.env, directory));
  if (db->GetLatestSequenceNumber() < flushed) {
    return absl::DataLossError(fmt::format(
        "{}: RocksDB's MANIFEST ends at write {}, where tables held {}: its end is damaged",
        directory, db->GetLatestSequenceNumber(), flushed));
  }
  return std::unique_ptr<RocksDb>(new RocksDb(directory, std::move(log), std::move(db)));
}

absl::StatusOr<std::unique_ptr<RocksDb>> RocksDb::OpenReadOnly(const std::string& directory,
                                                               uint64_t memory_bytes) {
  auto log = std::make_shared<ErrorLogger>();
  rocksdb::Options options = MakeOptions(memory_bytes, nullptr, log);
  options.create_if_missing = false;
  std::unique_ptr<rocksdb::DB> db;
  CARAVAN_RETURN_IF_ERROR(Guard("open", directory, [&] {
    rocksdb::DB* opened = nullptr;
    const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, directory, &opened);
    db.reset(opened);
    return Translate(status, "open", directory);
  }));
  return std::unique_ptr<RocksDb>(new RocksDb(directory, std::move(log), std::move(db)));
}

absl::Status RocksDb::MultiGet(std::span<const std::string_view> keys,
                               absl::FunctionRef<absl::Status(size_t, std::string_view)> found) {
  constexpr size_t kGroup = 1024;
  return Guard("read", directory_, [&]() -> absl::Status {
    std::vector<rocksdb::Slice> slices(kGroup);
    std::vector<rocksdb::PinnableSlice> values(kGroup);
    std::vector<rocksdb::Status> statuses(kGroup);
    for (size_t begin = 0; begin < keys.size(); begin += kGroup) {
      const size_t count = std::min(kGroup, keys.size() - begin);
      for (size_t i = 0; i < count; ++i) slices[i] = ToSlice(keys[begin + i]);
      db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), count, slices.data(),
                    values.data(), statuses.data());
      for (size_t i = 0; i < count; ++i) {
        if (!statuses[i].IsNotFound()) {
          CARAVAN_RETURN_IF_ERROR(ToStatus(statuses[i], "read"));
          CARAVAN_RETURN_IF_ERROR(
              found(begin + i, std::string_view(values[i].data(), values[i].size())));
        }
        values[i].Reset();
      }
    }
    return absl::OkStatus();
  });
}

absl::Status RocksDb::Scan(
    std::string_view first, std::string_view last,
    absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit) {
  return Guard("scan", directory_, [&]() -> absl::Status {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    options.readahead_size = 1 << 20;
    const rocksdb::Slice upper = ToSlice(last);
    options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options));
    for (iterator->Seek(ToSlice(first)); iterator->Valid(); iterator->Next()) {
      const rocksdb::Slice key = iterator->key();
      const rocksdb::Slice value = iterator->value();
      CARAVAN_RETURN_IF_ERROR(visit(std::string_view(key.data(), key.size()),
                                    std::string_view(value.data(), value.size())));
    }
    return ToStatus(iterator->status(), "scan");
  });
}

// After a full disk RocksDB refuses writes and flushes until it finds room, for which it looks
// every 5 s by itself. It is not told to go on (DB::Resume): that may wait for ever while there is
// none.
absl::Status RocksDb::Write(RecordBatch& batch) {
  return Guard("write to", directory_, [&]() -> absl::Status {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    CARAVAN_RETURN_IF_ERROR(ToStatus(db_->Write(options, &batch.rocksdb_batch()), "write to"));
    batch.Clear();
    return absl::OkStatus();
  });
}

bool RocksDb::IsFlushed(uint64_t sequence) const {
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (file.largest_seqno >= sequence) return true;
  }
  // Tables that were merged may have forgotten their numbers.
  uint64_t entries = 0;
  uint64_t memories = 0;
  return db_->GetIntProperty(rocksdb::DB::Properties::kNumEntriesActiveMemTable, &entries) &&
         db_->GetIntProperty(rocksdb::DB::Properties::kNumImmutableMemTable, &memories) &&
         entries == 0 && memories == 0;
}

// RocksDB 7.8 is not believed: after a full disk its flushes were seen to be OK without the last
// writes.
absl::Status RocksDb::Flush() {
  constexpr int kAttempts = 8;
  return Guard("flush", directory_, [&]() -> absl::Status {
    const uint64_t sequence = db_->GetLatestSequenceNumber();
    for (int i = 0; i < kAttempts; ++i) {
      CARAVAN_RETURN_IF_ERROR(ToStatus(db_->Flush(rocksdb::FlushOptions()), "flush"));
      if (IsFlushed(sequence)) {
        return ToStatus(WriteFlushedMark(*db_->GetEnv(), directory_, sequence), "mark as flushed");
      }
    }
    return absl::UnavailableError(fmt::format(
        "cannot flush {}: RocksDB says that it has, and lacks its last writes", directory_));
  });
}

absl::Status RocksDb::LinkTo(const std::string& directory) {
  return Guard("link", directory_, [&]() -> absl::Status {
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    // What is in memory only need not be in the copy: no flush for its sake.
    constexpr uint64_t kNeverFlush = std::numeric_limits<uint64_t>::max();
    if (status.ok()) status = checkpoint->CreateCheckpoint(directory, kNeverFlush);
    return ToStatus(status, fmt::format("link to {} the files of", directory));
  });
}

namespace {

class RocksDbStores final : public RecordStores {
 public:
  explicit RocksDbStores(rocksdb::Env* env) : env_(env) {}

  absl::StatusOr<std::unique_ptr<RecordStore>> Create(const std::string& directory,
                                                      uint64_t memory_bytes) override {
    return RocksDb::Create(directory, memory_bytes, env_);
  }
  absl::StatusOr<std::unique_ptr<RecordStore>> Open(const std::string& directory,
                                                    uint64_t memory_bytes) override {
    return RocksDb::Open(directory, memory_bytes, env_);
  }
  absl::StatusOr<std::unique_ptr<RecordStore>> OpenReadOnly(const std::string& directory,
                                                            uint64_t memory_bytes) override {
    return RocksDb::OpenReadOnly(directory, memory_bytes);
  }

 private:
  rocksdb::Env* const env_;
};

}  // namespace

std::unique_ptr<RecordStores> MakeRocksDbStores(rocksdb::Env* env) {
  return std::make_unique<RocksDbStores>(env);
}

}  // namespace caravan::storage
