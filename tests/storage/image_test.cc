// Images give back the rows as they were at their LSN, and name what is damaged.
#include "storage/image.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "base/random.h"
#include "storage/record_key.h"
#include "storage/rocksdb_adapter.h"
#include "storage/row_store.h"
#include "tests/storage/damage.h"
#include "tests/storage/full_disk.h"

namespace caravan::storage {
namespace {

constexpr uint32_t kWidth = 8;
constexpr uint64_t kIdentity = 5;

class ImageTest : public ::testing::Test {
 protected:
  ImageTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ =
        fmt::format("{}/caravan_image_{}_{}", ::testing::TempDir(), getpid(), test->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    store_ = *RowStore::Create({.hot_bytes_max = 256 << 10,
                                .shards = 4,
                                .tables = {{.weight_floats = kWidth, .slot_floats = 0}}},
                               *RocksDb::Create(directory_ + "/db", 4 << 20));
  }
  ~ImageTest() override {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  ImageWriter Writer(uint32_t image, uint64_t lsn, SideThread* side = nullptr) {
    return ImageWriter({.file_system = &disk_,
                        .directory = directory_,
                        .identity = kIdentity,
                        .image = image,
                        .lsn = lsn,
                        .part_bytes = 64 << 10,
                        .side = side});
  }
  // Update `lsn` of some rows: their floats are its number.
  void Update(uint64_t lsn) {
    RandomStream stream(lsn);
    std::map<uint64_t, int> drawn;
    while (drawn.size() < 100) drawn[stream.NextBelow(8000)] = 0;
    std::vector<uint64_t> keys;
    for (const auto& [key, unused] : drawn) keys.push_back(key);
    std::vector<HotRow*> rows(keys.size());
    store_->BeginBatch();
    ASSERT_TRUE(store_
                    ->Acquire(
                        TableId{0}, keys, [](uint64_t, std::span<float>) {}, rows)
                    .ok());
    store_->KeepForImage(TableId{0}, rows);
    for (HotRow* row : rows) {
      row->version = lsn;
      row->dirty = true;
      for (float& value : std::span(row->floats(), kWidth)) value = static_cast<float>(lsn);
      newest_[row->key] = lsn;
    }
  }
  // LSN of each row, read from cold rows and images as of `lsn`.
  std::map<uint64_t, uint64_t> Read(const std::string& cold, std::span<const ImagePart> parts,
                                    uint64_t lsn) {
    auto images = ImageContent::Load(disk_, directory_, kIdentity, parts);
    EXPECT_TRUE(images.ok()) << images.status();
    const auto records =
        MakeImagedRecords(*RocksDb::OpenReadOnly(cold, 4 << 20), *std::move(images), lsn);
    std::map<uint64_t, uint64_t> rows;
    const absl::Status status = records->Scan(
        "", std::string(16, '\xff'), [&](std::string_view key, std::string_view value) {
          const absl::StatusOr<RowRecord> row = ParseRow(value, kWidth);
          EXPECT_TRUE(row.ok());
          float first = 0;
          std::memcpy(&first, row->floats.data(), sizeof(first));
          EXPECT_EQ(first, static_cast<float>(row->version));
          EXPECT_TRUE(rows.emplace(DecodeKey(key)->key, row->version).second);
          std::string_view found;
          EXPECT_TRUE(records
                          ->MultiGet(std::span(&key, 1),
                                     [&](size_t, std::string_view again) {
                                       EXPECT_EQ(again, value);
                                       found = again;
                                       return absl::OkStatus();
                                     })
                          .ok());
          EXPECT_FALSE(found.empty());
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return rows;
  }

  std::string directory_;
  FullDisk disk_;
  std::unique_ptr<RowStore> store_;
  std::map<uint64_t, uint64_t> newest_;
};

// Rows are updated, evicted and read back all the while; each image is exact at its LSN.
TEST_F(ImageTest, IsExactWhileRowsChangeAndLeave) {
  std::vector<ImagePart> parts;
  uint64_t lsn = 0;
  uint64_t after = 0;
  for (uint32_t image = 1; image <= 6; ++image) {
    for (int i = 0; i < 20; ++i) Update(++lsn);
    const auto expected = newest_;
    const uint64_t at = lsn;
    ImageWriter writer = Writer(image, at);
    store_->BeginImage(image, after, at, &writer);
    ASSERT_TRUE(store_->records().Flush().ok());
    for (bool is_swept = false; !is_swept;) {
      Update(++lsn);
      is_swept = store_->SweepImage(4000);
    }
    const std::string cold = fmt::format("{}/cold{}", directory_, image);
    ASSERT_TRUE(store_->records().Flush().ok());
    ASSERT_TRUE(store_->records().LinkTo(cold).ok());
    store_->EndImage();
    ASSERT_TRUE(writer.Finish(/*is_synced=*/true).ok());
    parts.insert(parts.end(), writer.parts().begin(), writer.parts().end());
    after = at;
    EXPECT_EQ(Read(cold, parts, at), expected) << "image " << image;
  }
  EXPECT_GT(store_->evictions(), 1000U);
}

TEST_F(ImageTest, EveryFlippedBitAndEveryCutIsNamed) {
  for (uint64_t lsn = 1; lsn <= 10; ++lsn) Update(lsn);
  ImageWriter writer = Writer(1, 10);
  store_->BeginImage(1, 0, 10, &writer);
  while (!store_->SweepImage(1 << 20)) continue;
  store_->EndImage();
  ASSERT_TRUE(writer.Finish(/*is_synced=*/true).ok());
  ASSERT_EQ(writer.parts().size(), 1U);
  const std::string path = directory_ + "/" + ImagePartName(writer.parts()[0]);
  const std::string content = *disk_.ReadFile(path);
  const auto load = [&] {
    return ImageContent::Load(disk_, directory_, kIdentity, writer.parts()).status();
  };
  ASSERT_TRUE(load().ok());
  RandomStream stream(1);
  const int flips = FlipsWanted(3000);
  for (int flip = 0; flip < flips; ++flip) {
    std::string damaged = content;
    FlipOneBit(stream, damaged);
    std::ofstream(path, std::ios::binary) << damaged;
    const absl::Status status = load();
    ASSERT_TRUE(absl::IsDataLoss(status)) << status;
    ASSERT_NE(status.message().find("image-000001"), absl::string_view::npos) << status;
  }
  for (uint64_t bytes = 0; bytes < content.size(); bytes += 4096) {
    std::ofstream(path, std::ios::binary) << content.substr(0, bytes);
    EXPECT_TRUE(absl::IsDataLoss(load())) << bytes;
  }
  std::filesystem::remove(path);
  EXPECT_FALSE(load().ok());
}

// Entries that are larger than a buffer, and many that are smaller, through a thread beside.
TEST_F(ImageTest, WhatIsWrittenBesideIsWhatWasAdded) {
  SideThread side;
  ImageWriter writer = Writer(1, 10, &side);
  std::map<std::string, std::string> expected;
  RandomStream stream(2);
  for (int i = 0; i < 3000; ++i) {
    const std::string key = fmt::format("key {}", i);
    std::string value(i % 500 == 0 ? 700000 : stream.NextBelow(2000), static_cast<char>(i));
    std::ranges::copy(value, writer.Add(key, value.size()).begin());
    expected[key] = std::move(value);
  }
  ASSERT_TRUE(writer.Finish(/*is_synced=*/false).ok());
  const auto content = ImageContent::Load(disk_, directory_, kIdentity, writer.parts());
  ASSERT_TRUE(content.ok()) << content.status();
  std::map<std::string, std::string> found;
  for (const auto& [key, value] : content->records()) found[std::string(key)] = value;
  EXPECT_EQ(found, expected);
}

TEST_F(ImageTest, AFullDiskBesideIsKeptAndNothingWaitsForIt) {
  SideThread side;
  disk_.full_for = {"image-000001-002"};
  ImageWriter writer = Writer(1, 1, &side);
  for (int i = 0; i < 2000; ++i) {
    std::ranges::fill(writer.Add(fmt::format("key {}", i), 100000), 'x');
  }
  EXPECT_TRUE(absl::IsResourceExhausted(writer.Finish(/*is_synced=*/true)));
  EXPECT_FALSE(writer.is_behind());
  writer.Discard();
  EXPECT_EQ(disk_.List(directory_)->size(), 1U) << "the database alone";
}

TEST_F(ImageTest, AFullDiskIsKeptAsTheWritersStatus) {
  Update(1);
  disk_.full_for = {"image-"};
  ImageWriter writer = Writer(1, 1);
  store_->BeginImage(1, 0, 1, &writer);
  while (!store_->SweepImage(1 << 20)) continue;
  store_->EndImage();
  EXPECT_TRUE(absl::IsResourceExhausted(writer.Finish(/*is_synced=*/true)));
  writer.Discard();
  EXPECT_EQ(disk_.List(directory_)->size(), 1U) << "the database alone";
}

}  // namespace
}  // namespace caravan::storage
