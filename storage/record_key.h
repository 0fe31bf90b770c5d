// Keys of a lane's records, in the order in which RocksDB sorts them: a shard is one range.
//
//   [shard u32][kind u8] then   row: [table u16][key u64]   chunk: [chunk u32]
//                               marks, ledger: [epoch u32]  shard: nothing          all big-endian
#ifndef CARAVAN_STORAGE_RECORD_KEY_H_
#define CARAVAN_STORAGE_RECORD_KEY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace caravan::storage {

enum class RecordKind : uint8_t { kShard = 0, kRow = 1, kChunk = 2, kMarks = 3, kLedger = 4 };

// What a key says. `table` and `key` are a row's, `number` is a chunk's id or an epoch.
struct RecordKey {
  ShardId shard;
  RecordKind kind;
  TableId table{};
  uint64_t key = 0;
  uint32_t number = 0;
};

inline constexpr size_t kRowKeyBytes = 15;

std::string EncodeKey(const RecordKey& key);
// A row's key, written to the kRowKeyBytes at `out`.
void EncodeRowKey(ShardId shard, TableId table, uint64_t key, char* out);
// Nothing where the bytes are no key of a lane.
std::optional<RecordKey> DecodeKey(std::string_view bytes);

// The first possible key of `shard`; that of the next shard ends its range.
std::string ShardBegin(uint32_t shard);

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_RECORD_KEY_H_
