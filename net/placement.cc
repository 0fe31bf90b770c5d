#include "net/placement.h"

#include <algorithm>

#include "base/hash.h"

namespace caravan::net {
namespace {

uint64_t Floats(const conf::DenseTensor& tensor) {
  uint64_t floats = 1;
  for (const uint64_t dimension : tensor.dimensions()) floats *= dimension;
  return floats;
}

}  // namespace

std::vector<DenseChunk> DenseChunks(const conf::ModelSpec& model, uint32_t shards) {
  std::vector<DenseChunk> chunks;
  uint64_t flat_offset = 0;
  for (int tensor = 0; tensor < model.tensors_size(); ++tensor) {
    const uint64_t floats = Floats(model.tensors(tensor));
    for (uint64_t offset = 0; offset < floats; offset += kChunkFloats) {
      const uint32_t id = static_cast<uint32_t>(chunks.size());
      chunks.push_back({.id = ChunkId{id},
                        .tensor = static_cast<uint32_t>(tensor),
                        .tensor_offset = offset,
                        .flat_offset = flat_offset + offset,
                        .size = static_cast<uint32_t>(std::min(kChunkFloats, floats - offset)),
                        .shard = ShardOfRow(TableId{kDenseTable}, id, shards)});
    }
    flat_offset += floats;
  }
  return chunks;
}

uint64_t DenseFloats(const conf::ModelSpec& model) {
  uint64_t floats = 0;
  for (const conf::DenseTensor& tensor : model.tensors()) floats += Floats(tensor);
  return floats;
}

ShardId ShardOfRow(TableId table, uint64_t key, uint32_t shards) {
  return ShardId{static_cast<uint32_t>(FrozenHash(Index(table), key) % shards)};
}

std::vector<uint32_t> ShardLanes(uint32_t shards, uint32_t lanes) {
  std::vector<uint32_t> shard_lanes(shards);
  for (uint32_t shard = 0; shard < shards; ++shard) shard_lanes[shard] = shard % lanes;
  return shard_lanes;
}

}  // namespace caravan::net
