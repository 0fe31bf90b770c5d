// Hashes that are frozen: their values are part of what lies on disk and of where a key lives, so
// they never change. Tests hold their values fixed.
#ifndef CARAVAN_BASE_HASH_H_
#define CARAVAN_BASE_HASH_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace caravan {

// The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection of 64 bits.
constexpr uint64_t MixBits(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

constexpr uint64_t CombineHash(uint64_t a, uint64_t b) { return MixBits(MixBits(a) ^ b); }

// Placement hash of a row: shard = FrozenHash(table, key) % shards.
constexpr uint64_t FrozenHash(uint32_t table, uint64_t key) { return CombineHash(table, key); }

// XXH3, 64 bits, of a byte string; the checksum of every block, frame list and file of Caravan.
uint64_t HashBytes(std::span<const std::byte> bytes);
uint64_t HashBytes(std::string_view bytes);

}  // namespace caravan

#endif  // CARAVAN_BASE_HASH_H_
