#include "storage/record_key.h"

namespace caravan::storage {
namespace {

template <typename T>
char* PutBigEndian(T value, char* out) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8) {
    *out++ = static_cast<char>(static_cast<uint8_t>(value >> shift));
  }
  return out;
}

template <typename T>
T GetBigEndian(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << 8) | static_cast<uint8_t>(bytes[i]));
  }
  return value;
}

constexpr size_t kPrefixBytes = 5;

}  // namespace

void EncodeRowKey(ShardId shard, TableId table, uint64_t key, char* out) {
  out = PutBigEndian(Index(shard), out);
  *out++ = static_cast<char>(RecordKind::kRow);
  out = PutBigEndian(static_cast<uint16_t>(Index(table)), out);
  PutBigEndian(key, out);
}

std::string EncodeKey(const RecordKey& key) {
  std::string bytes(kRowKeyBytes, '\0');
  if (key.kind == RecordKind::kRow) {
    EncodeRowKey(key.shard, key.table, key.key, bytes.data());
    return bytes;
  }
  char* end = PutBigEndian(Index(key.shard), bytes.data());
  *end++ = static_cast<char>(key.kind);
  if (key.kind != RecordKind::kShard) end = PutBigEndian(key.number, end);
  bytes.resize(static_cast<size_t>(end - bytes.data()));
  return bytes;
}

std::optional<RecordKey> DecodeKey(std::string_view bytes) {
  if (bytes.size() < kPrefixBytes) return std::nullopt;
  RecordKey key{.shard = ShardId{GetBigEndian<uint32_t>(bytes)},
                .kind = static_cast<RecordKind>(bytes[4])};
  const std::string_view rest = bytes.substr(kPrefixBytes);
  switch (key.kind) {
    case RecordKind::kShard:
      if (!rest.empty()) return std::nullopt;
      return key;
    case RecordKind::kRow:
      if (bytes.size() != kRowKeyBytes) return std::nullopt;
      key.table = TableId{GetBigEndian<uint16_t>(rest)};
      key.key = GetBigEndian<uint64_t>(rest.substr(2));
      return key;
    case RecordKind::kChunk:
    case RecordKind::kMarks:
    case RecordKind::kLedger:
      if (rest.size() != 4) return std::nullopt;
      key.number = GetBigEndian<uint32_t>(rest);
      return key;
  }
  return std::nullopt;
}

std::string ShardBegin(uint32_t shard) {
  std::string bytes(4, '\0');
  PutBigEndian(shard, bytes.data());
  return bytes;
}

}  // namespace caravan::storage
