// The machine's file system as RocksDB sees it, with a disk that has as much room as a test says.
#ifndef CARAVAN_TESTS_STORAGE_FULL_ROCKSDB_DISK_H_
#define CARAVAN_TESTS_STORAGE_FULL_ROCKSDB_DISK_H_

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

namespace caravan::storage {

class FullRocksDbDisk final : public rocksdb::FileSystemWrapper {
 public:
  FullRocksDbDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "full_rocksdb_disk"; }

  static constexpr int64_t kEnough = std::numeric_limits<int64_t>::max() / 2;
  // Bytes that may still be written; a file or link takes one. Writes beyond are torn.
  std::atomic<int64_t> room = kEnough;
  // Writes that had no room.
  std::atomic<uint64_t> refused = 0;

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (Take(1) < 1) return NoSpace(path);
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(std::move(*file), this, path);
    return status;
  }
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    if (Take(1) < 1) return NoSpace(to);
    return FileSystemWrapper::LinkFile(from, to, options, debug);
  }

 private:
  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile>&& file, FullRocksDbDisk* disk, std::string path)
        : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}
    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      const auto wanted = static_cast<int64_t>(data.size());
      const int64_t taken = disk_->Take(wanted);
      const rocksdb::Slice part(data.data(), static_cast<size_t>(taken));
      rocksdb::IOStatus status = FSWritableFileOwnerWrapper::Append(part, options, debug);
      return status.ok() && taken < wanted ? disk_->NoSpace(path_) : status;
    }

   private:
    FullRocksDbDisk* const disk_;
    const std::string path_;
  };

  // Up to `bytes`, as far as there is room.
  int64_t Take(int64_t bytes) {
    int64_t before = room;
    while (!room.compare_exchange_weak(before, before - std::min(before, bytes))) continue;
    return std::min(before, bytes);
  }
  rocksdb::IOStatus NoSpace(const std::string& path) {
    ++refused;
    return rocksdb::IOStatus::NoSpace("no room for " + path);
  }
};

}  // namespace caravan::storage

#endif  // CARAVAN_TESTS_STORAGE_FULL_ROCKSDB_DISK_H_
