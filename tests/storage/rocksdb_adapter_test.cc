// A disk that fills up under RocksDB, at whatever byte, while it writes tables, its manifest or a
// copy by links: a named error that loses nothing, and a store that goes on when there is room.
#include "storage/rocksdb_adapter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "absl/time/clock.h"
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
    std::string name = test->name();
    std::ranges::replace(name, '/', '_');
    root_ = fmt::format("{}/caravan_rocksdb_{}_{}", ::testing::TempDir(), getpid(), name);
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
  // What is wrong with the store's rows; empty: they are what was written.
  std::string Wrong(RecordStore& store) const {
    const std::map<std::string, std::string> rows = RowsOf(store);
    size_t others = 0;
    size_t missing = 0;
    for (const auto& [key, value] : rows_) {
      const auto found = rows.find(key);
      missing += found == rows.end() ? 1 : 0;
      others += found != rows.end() && found->second != value ? 1 : 0;
    }
    if (rows == rows_) return "";
    return fmt::format("{} rows for {}, {} missing, {} with other values", rows.size(),
                       rows_.size(), missing, others);
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

class FillingDiskTest : public FullDiskTest, public ::testing::WithParamInterface<int64_t> {};

TEST_P(FillingDiskTest, LosesNothingAndGoesOnWhenThereIsRoom) {
  disk_->room = GetParam();
  uint64_t batch = 0;
  absl::Status status;
  while (status.ok() && batch < 3000) status = WriteBatch(batch++);
  ExpectNoRoom(status, "write");
  ExpectNoRoom(store_->Flush(), "flush");
  EXPECT_EQ(Wrong(*store_), "");
  const std::string copy = root_ + "/copy";
  disk_->room = 0;
  ExpectNoRoom(store_->LinkTo(copy), "link");
  EXPECT_FALSE(std::filesystem::exists(copy));

  disk_->room = FullRocksDbDisk::kEnough;
  // RocksDB looks for room every 5 s.
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (!(status = WriteBatch(batch)).ok() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(store_->Flush().ok());
  ASSERT_TRUE(store_->LinkTo(copy).ok());
  EXPECT_EQ(Wrong(**RocksDb::OpenReadOnly(copy, kMemoryBytes)), "");
  store_.reset();
  store_ = *RocksDb::Open(root_ + "/db", kMemoryBytes, env_.get());
  EXPECT_EQ(Wrong(*store_), "");
}

INSTANTIATE_TEST_SUITE_P(Bytes, FillingDiskTest,
                         ::testing::Values(0, 1, 1000, 20000, 70000, 200000, 400000));

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
