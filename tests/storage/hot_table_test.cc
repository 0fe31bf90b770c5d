#include "storage/hot_table.h"

#include <map>

#include <gtest/gtest.h>

#include "base/random.h"

namespace caravan::storage {
namespace {

// Random insertions, erasures and look-ups against a map.
TEST(HotTableTest, BehavesLikeAMap) {
  auto table = HotTable::Create(3, 64 << 20);
  ASSERT_TRUE(table.ok()) << table.status();
  std::map<uint64_t, HotRow*> expected;
  RandomStream stream(5);
  for (int round = 0; round < 60000; ++round) {
    const uint64_t key = stream.NextBelow(20000);
    const auto known = expected.find(key);
    if (known == expected.end()) {
      if (table->free_slots() == 0) {
        ASSERT_TRUE(table->Grow(1000).ok());
      }
      auto row = table->Insert(key);
      ASSERT_TRUE(row.ok()) << row.status();
      (*row)->floats()[0] = static_cast<float>(key);
      expected[key] = *row;
    } else if (stream.NextBelow(3) == 0) {
      table->Erase(known->second);
      expected.erase(known);
    }
  }
  EXPECT_EQ(table->rows(), expected.size());
  std::vector<uint64_t> keys(20000);
  for (uint64_t key = 0; key < keys.size(); ++key) keys[key] = key;
  std::vector<HotRow*> rows(keys.size());
  table->Find(keys, rows);
  for (const uint64_t key : keys) {
    const auto known = expected.find(key);
    ASSERT_EQ(rows[key], known == expected.end() ? nullptr : known->second) << key;
    if (rows[key] != nullptr) {
      ASSERT_EQ(rows[key]->floats()[0], static_cast<float>(key));
    }
  }
  size_t seen = 0;
  for (uint64_t slot = 0; slot < table->used_slots(); ++slot) {
    seen += table->RowIn(slot) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(seen, expected.size());
}

TEST(HotTableTest, TheHandComesByEveryRow) {
  auto table = HotTable::Create(1, 1 << 20);
  ASSERT_TRUE(table->Grow(10).ok());
  for (uint64_t key = 0; key < 10; ++key) ASSERT_TRUE(table->Insert(key).ok());
  std::map<uint64_t, int> visits;
  for (int i = 0; i < 20; ++i) ++visits[table->AdvanceHand()->key];
  EXPECT_EQ(visits.size(), 10U);
  for (const auto& [key, count] : visits) EXPECT_EQ(count, 2) << key;
}

TEST(HotTableTest, GrowthPastTheReservationIsRefused) {
  auto table = HotTable::Create(1, 1 << 20);
  EXPECT_TRUE(absl::IsResourceExhausted(table->Grow(uint64_t{1} << 30)));
}

}  // namespace
}  // namespace caravan::storage
