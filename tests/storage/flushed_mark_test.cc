// A MANIFEST with any bit flipped, or cut at any byte: RocksDB takes a damaged end for one that was
// never written, and would go on without the tables that it names.
#include "storage/flushed_mark.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/file.h"
#include "storage/rocksdb_adapter.h"

namespace caravan::storage {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMemoryBytes = 256 << 10;

class FlushedMarkTest : public ::testing::Test {
 protected:
  FlushedMarkTest()
      : root_(fmt::format("{}/caravan_flushed_mark_{}_{}", ::testing::TempDir(), getpid(),
                          ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(root_);
    fs::create_directories(root_);
    auto store = RocksDb::Create(Whole(), kMemoryBytes);
    EXPECT_TRUE(store.ok()) << store.status();
    for (int flush = 0; flush < 3; ++flush) {
      RecordBatch batch;
      for (int i = 0; i < 20; ++i) {
        const std::string key = fmt::format("key {:02}", (flush * 7 + i) % 40);
        rows_[key] = fmt::format("value {} of flush {}", i, flush);
        batch.Put(key, rows_[key]);
      }
      EXPECT_TRUE((*store)->Write(batch).ok());
      EXPECT_TRUE((*store)->Flush().ok());
    }
    store->reset();
    for (const fs::directory_entry& entry : fs::directory_iterator(Whole())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("MANIFEST-")) manifest_ = name;
    }
  }
  ~FlushedMarkTest() override { fs::remove_all(root_); }

  std::string Whole() const { return root_ + "/whole"; }

  // Whether the store is refused by name with `content` in the place of `file`; else it has to hold
  // all rows.
  bool IsNamed(const std::string& file, const std::string& content) {
    const std::string tried = root_ + "/tried";
    fs::remove_all(tried);
    fs::copy(Whole(), tried, fs::copy_options::recursive);
    std::ofstream(tried + "/" + file, std::ios::binary) << content;
    const auto store = RocksDb::Open(tried, kMemoryBytes);
    if (!store.ok()) {
      EXPECT_THAT(std::string(store.status().message()), testing::HasSubstr(tried));
      return true;
    }
    std::map<std::string, std::string> rows;
    const absl::Status scanned =
        (*store)->Scan("key", "kez", [&](std::string_view key, std::string_view value) {
          rows[std::string(key)] = value;
          return absl::OkStatus();
        });
    if (!scanned.ok()) return true;
    EXPECT_EQ(rows, rows_) << file;
    return false;
  }

  const std::string root_;
  std::string manifest_;
  std::map<std::string, std::string> rows_;
};

TEST_F(FlushedMarkTest, AnUndamagedStoreOpens) {
  EXPECT_FALSE(IsNamed(manifest_, *ReadFile(Whole() + "/" + manifest_)));
  EXPECT_GT(*ReadFlushedMark(*rocksdb::Env::Default(), Whole()), 0U);
}

TEST_F(FlushedMarkTest, NoFlippedBitIsServed) {
  for (const std::string& file : {manifest_, std::string("FLUSHED")}) {
    const std::string whole = *ReadFile(Whole() + "/" + file);
    for (size_t byte = 0; byte < whole.size() && !HasFailure(); ++byte) {
      // One bit of each byte; all would take long.
      std::string flipped = whole;
      flipped[byte] ^= static_cast<char>(1 << (byte % 8));
      IsNamed(file, flipped);
      ASSERT_FALSE(HasFailure()) << file << ", byte " << byte << " of " << whole.size();
    }
  }
}

TEST_F(FlushedMarkTest, NoCutFileIsServed) {
  for (const std::string& file : {manifest_, std::string("FLUSHED")}) {
    const std::string whole = *ReadFile(Whole() + "/" + file);
    int named = 0;
    for (size_t bytes = 0; bytes < whole.size(); bytes += 3) {
      named += IsNamed(file, whole.substr(0, bytes)) ? 1 : 0;
      ASSERT_FALSE(HasFailure()) << file << " of " << bytes << " bytes";
    }
    EXPECT_GT(named, 0) << file;
  }
}

TEST_F(FlushedMarkTest, AStoreMadeAnewHasNone) {
  ASSERT_TRUE(RocksDb::Create(Whole(), kMemoryBytes).ok());
  EXPECT_EQ(*ReadFlushedMark(*rocksdb::Env::Default(), Whole()), 0U);
  EXPECT_TRUE(RocksDb::Open(Whole(), kMemoryBytes).ok());
}

}  // namespace
}  // namespace caravan::storage
