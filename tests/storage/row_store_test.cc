#include "storage/row_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "base/random.h"
#include "storage/record_key.h"
#include "storage/rocksdb_adapter.h"

namespace caravan::storage {
namespace {

constexpr uint32_t kWidth = 8;

class RowStoreTest : public ::testing::Test {
 protected:
  RowStoreTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fmt::format("{}/caravan_rows_{}_{}", ::testing::TempDir(), getpid(), test->name());
    store_ = *RowStore::Create({.hot_bytes_max = 1 << 20,
                                .shards = 4,
                                .tables = {{.weight_floats = kWidth, .slot_floats = kWidth}}},
                               *RocksDb::Create(directory_ + "/db", 4 << 20));
  }
  ~RowStoreTest() override {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  static void Fill(uint64_t key, std::span<float> floats) {
    for (float& value : floats) value = static_cast<float>(key);
  }
  // Adds 1 to every weight and 2 to every slot of the keys' rows.
  absl::Status Update(const std::vector<uint64_t>& keys) {
    std::vector<HotRow*> rows(keys.size());
    store_->BeginBatch();
    if (absl::Status status = store_->Acquire(TableId{0}, keys, Fill, rows); !status.ok()) {
      return status;
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i]->key, keys[i]);
      ++rows[i]->version;
      ++rows[i]->steps;
      rows[i]->dirty = true;
      for (uint32_t j = 0; j < 2 * kWidth; ++j) rows[i]->floats()[j] += j < kWidth ? 1 : 2;
    }
    return absl::OkStatus();
  }

  std::string directory_;
  std::unique_ptr<RowStore> store_;
};

TEST_F(RowStoreTest, ReadsInitialValuesWithoutMakingRows) {
  std::vector<float> weights(2 * kWidth);
  const std::vector<uint64_t> keys = {4, 7};
  ASSERT_TRUE(store_->Read(TableId{0}, keys, Fill, RowPart::kWeights, weights).ok());
  EXPECT_EQ(weights[0], 4);
  EXPECT_EQ(weights[kWidth], 7);
  EXPECT_EQ(store_->rows(), 0U);
}

// Far more rows than the budget: they go to RocksDB and come back, with all their updates.
TEST_F(RowStoreTest, KeepsEveryUpdateBeyondItsBudget) {
  constexpr uint64_t kRows = 40000;
  std::vector<float> expected(kRows);
  for (uint64_t key = 0; key < kRows; ++key) expected[key] = static_cast<float>(key);
  std::vector<bool> exists(kRows);
  RandomStream stream(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<uint64_t> keys;
    for (uint64_t key = stream.NextBelow(400); key < kRows; key += 1 + stream.NextBelow(200)) {
      keys.push_back(key);
      expected[key] += 1;
      exists[key] = true;
    }
    const absl::Status status = Update(keys);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_LE(store_->resident_bytes(), (1U << 20) + (1U << 16));
  }
  EXPECT_GT(store_->evictions(), 1000U);
  EXPECT_EQ(store_->rows(), static_cast<uint64_t>(std::ranges::count(exists, true)));
  std::vector<uint64_t> all(kRows);
  for (uint64_t key = 0; key < kRows; ++key) all[key] = key;
  std::vector<float> weights(kRows * kWidth);
  ASSERT_TRUE(store_->Read(TableId{0}, all, Fill, RowPart::kWeights, weights).ok());
  for (uint64_t key = 0; key < kRows; ++key) ASSERT_EQ(weights[key * kWidth], expected[key]) << key;
  ASSERT_TRUE(store_->Read(TableId{0}, all, Fill, RowPart::kAverages, weights).ok());
  for (uint64_t key = 0; key < kRows; ++key) {
    ASSERT_EQ(weights[key * kWidth], 2 * expected[key] - static_cast<float>(key)) << key;
  }
}

TEST_F(RowStoreTest, ABatchBeyondTheBudgetIsRefusedByName) {
  std::vector<uint64_t> keys(100000);
  for (uint64_t key = 0; key < keys.size(); ++key) keys[key] = key;
  const absl::Status status = Update(keys);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(Update({1, 2, 3}).ok());
}

TEST_F(RowStoreTest, TooSmallABudgetIsRefusedAtTheStart) {
  const auto store = RowStore::Create({.hot_bytes_max = 1 << 20,
                                       .shards = 4,
                                       .tables = std::vector<RowTable>(100, {.weight_floats = 4})},
                                      *RocksDb::Create(directory_ + "/other", 4 << 20));
  EXPECT_TRUE(absl::IsResourceExhausted(store.status())) << store.status();
}

TEST(RecordKeyTest, KeysSortByShardAndComeBack) {
  const std::string row = EncodeKey({.shard = ShardId{1},
                                     .kind = RecordKind::kRow,
                                     .table = TableId{2},
                                     .key = 0x0102030405060708});
  EXPECT_EQ(row, std::string("\0\0\0\1\1\0\2\1\2\3\4\5\6\7\10", 15));
  EXPECT_LT(ShardBegin(1), row);
  EXPECT_LT(row, ShardBegin(2));
  EXPECT_EQ(DecodeKey(row)->key, 0x0102030405060708U);
  EXPECT_FALSE(DecodeKey(row.substr(0, 14)).has_value());
  EXPECT_FALSE(DecodeKey("").has_value());
}

TEST(ParseRowTest, AWrongSizeIsDataLoss) {
  const float floats[2] = {1, 2};
  std::string value(FormattedBytes(sizeof(floats)), '\0');
  FormatRow(3, 4, std::as_bytes(std::span(floats)), value);
  EXPECT_EQ(ParseRow(value, 2)->version, 3U);
  EXPECT_EQ(ParseRow(value, 2)->steps, 4U);
  EXPECT_TRUE(absl::IsDataLoss(ParseRow(value, 3).status()));
  EXPECT_TRUE(absl::IsDataLoss(ParseRow(value, 1).status()));
}

}  // namespace
}  // namespace caravan::storage
