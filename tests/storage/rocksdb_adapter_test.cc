// A disk that fills up under RocksDB, at whatever byte, while it writes tables, its manifest or a
// copy by links: a named error that loses nothing, and a store that goes on when there is room.
#include "storage/rocksdb_adapter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "base/random.h"
#include "tests/storage/full_rocksdb_disk.h"

namespace caravan::storage {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMemoryBytes = 256 << 10;  // write buffers of 64 KiB
constexpr uint32_t kBatchRows = 64;

class FullDiskTest : public ::testing::Test {
 protected:
  FullDiskTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = fmt::format("{}/caravan_rocksdb_{}_{}", ::testing::TempDir(), getpid(), test->name());
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    store_ = *RocksDb::Create(root_ + "/db", kMemoryBytes, env_.get());
  }
  ~FullDiskTest() override {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  // Batch `number`: some rows, all of its value.
  absl::Status WriteBatch(uint64_t number) {
    RandomStream stream(number);
    RecordBatch batch;
    std::map<std::string, std::string> rows;
    for (uint32_t i = 0; i < kBatchRows; ++i) {
      rows[fmt::format("key {:06}", stream.NextBelow(5000))] =
          fmt::format("{:0200}", stream.NextBits());
    }
    for (const auto& [key, value] : rows) batch.Put(key, value);
    const absl::Status status = store_->Write(batch);
    if (status.ok()) {
      for (auto& [key, value] : rows) rows_[key] = value;
    }
    return status;
  }
  static void ExpectNoRoom(const absl::Status& status, const std::string& what) {
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << what << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("/db"));
  }
  static std::map<std::string, std::string> RowsOf(RecordStore& store) {
    std::map<std::string, std::string> rows;
    EXPECT_TRUE(store
                    .Scan("key", "kez",
                          [&](std::string_view key, std::string_view value) {
                            rows[std::string(key)] = value;
                            return absl::OkStatus();
                          })
                    .ok());
    return rows;
  }

  const std::shared_ptr<FullRocksDbDisk> disk_ = std::make_shared<FullRocksDbDisk>();
  const std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
  std::string root_;
  std::unique_ptr<RocksDb> store_;
  std::map<std::string, std::string> rows_;  // what was written
};

TEST_F(FullDiskTest, LosesNothingAndGoesOnWhereverItFills) {
  uint64_t batch = 0;
  int attempt = 0;
  for (const int64_t room : {0, 1, 100, 1000, 5000, 20000, 40000, 70000, 150000, 400000}) {
    disk_->room = room;
    const uint64_t refused_before = disk_->refused;
    absl::Status status;
    while (status.ok() && disk_->refused == refused_before) status = WriteBatch(batch++);
    if (!status.ok()) ExpectNoRoom(status, "write");
    // Memory takes what RocksDB could not write yet, to a bound.
    for (int more = 0; more < 100 && status.ok(); ++more) status = WriteBatch(batch++);
    ExpectNoRoom(status, "write beyond memory");
    ExpectNoRoom(store_->Flush(), "flush");
    EXPECT_EQ(RowsOf(*store_), rows_) << room;
    const std::string copy = fmt::format("{}/copy {}", root_, attempt++);
    disk_->room = 0;
    ExpectNoRoom(store_->LinkTo(copy), "link");
    EXPECT_FALSE(std::filesystem::exists(copy));

    disk_->room = FullRocksDbDisk::kEnough;
    ASSERT_TRUE(WriteBatch(batch++).ok()) << room;
    ASSERT_TRUE(store_->Flush().ok()) << room;
    ASSERT_TRUE(store_->LinkTo(copy).ok()) << room;
    EXPECT_EQ(RowsOf(**RocksDb::OpenReadOnly(copy, kMemoryBytes)), rows_) << room;
    store_.reset();
    store_ = *RocksDb::Open(root_ + "/db", kMemoryBytes, env_.get());
    EXPECT_EQ(RowsOf(*store_), rows_) << room;
  }
}

// A process that ends while its disk is full has what it had flushed.
TEST_F(FullDiskTest, WhatWasFlushedOutlivesAProcessWithoutRoom) {
  for (uint64_t batch = 0; batch < 20; ++batch) ASSERT_TRUE(WriteBatch(batch).ok());
  ASSERT_TRUE(store_->Flush().ok());
  const std::map<std::string, std::string> flushed = rows_;
  disk_->room = 3000;
  absl::Status status;
  for (uint64_t batch = 20; status.ok() && batch < 1000; ++batch) status = WriteBatch(batch);
  ExpectNoRoom(status, "write");
  store_.reset();
  const absl::Status opened = RocksDb::Open(root_ + "/db", kMemoryBytes, env_.get()).status();
  ExpectNoRoom(opened, "open");
  disk_->room = FullRocksDbDisk::kEnough;
  store_ = *RocksDb::Open(root_ + "/db", kMemoryBytes, env_.get());
  const std::map<std::string, std::string> rows = RowsOf(*store_);
  for (const auto& [key, value] : flushed) {
    // A later write may have taken its place.
    ASSERT_TRUE(rows.contains(key)) << key;
    EXPECT_TRUE(rows.at(key) == value || rows.at(key) == rows_.at(key)) << key;
  }
}

TEST_F(FullDiskTest, ADatabaseThatCannotBeMadeIsNamed) {
  disk_->room = 10;
  const absl::Status made = RocksDb::Create(root_ + "/other/db", kMemoryBytes, env_.get()).status();
  ExpectNoRoom(made, "create");
}

}  // namespace
}  // namespace caravan::storage
