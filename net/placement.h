// Where things live: rows and dense chunks to shards, shards to lanes. Pure functions of the model
// and the cluster, the same in every role.
#ifndef CARAVAN_NET_PLACEMENT_H_
#define CARAVAN_NET_PLACEMENT_H_

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "conf/model_spec.pb.h"

namespace caravan::net {

inline constexpr uint64_t kChunkFloats = 16 * 1024;   // of dense parameters; frozen
inline constexpr uint32_t kDenseTable = 0xffffffffU;  // stands for the dense chunks in placement

// A piece of one dense tensor. Chunks are numbered tensor by tensor, in ModelSpec order.
struct DenseChunk {
  ChunkId id;
  uint32_t tensor;         // index into ModelSpec.tensors
  uint64_t tensor_offset;  // first element within the tensor
  uint64_t flat_offset;    // first element within the flat vector of all dense parameters
  uint32_t size;           // floats, at most kChunkFloats
  ShardId shard;
};

// All chunks of a model, ascending by id.
std::vector<DenseChunk> DenseChunks(const conf::ModelSpec& model, uint32_t shards);
// Length of the flat vector.
uint64_t DenseFloats(const conf::ModelSpec& model);

ShardId ShardOfRow(TableId table, uint64_t key, uint32_t shards);

// Shard s lives on lane s % lanes: the routing of a cluster of `lanes` lanes.
std::vector<uint32_t> ShardLanes(uint32_t shards, uint32_t lanes);

}  // namespace caravan::net

#endif  // CARAVAN_NET_PLACEMENT_H_
