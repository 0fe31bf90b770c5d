// Strong identifiers: a lane is never passed for a shard. Each is the index of its kind, from 0.
#ifndef CARAVAN_BASE_IDS_H_
#define CARAVAN_BASE_IDS_H_

#include <cstdint>

namespace caravan {

enum class ShardId : uint32_t {};   // a unit of placement, fixed for the life of a model
enum class LaneId : uint32_t {};    // a thread of a server, counted over all servers
enum class WorkerId : uint32_t {};  // given by the scheduler, never used twice in a run
enum class ServerId : uint32_t {};  // the server's place in the cluster
enum class BlockId : uint32_t {};   // a block of a split's samples within an epoch
enum class TableId : uint32_t {};   // index into ModelSpec.tables
enum class ChunkId : uint32_t {};   // a chunk of the dense parameters, see net/placement.h

template <typename Id>
constexpr uint32_t Index(Id id) {
  return static_cast<uint32_t>(id);
}

}  // namespace caravan

#endif  // CARAVAN_BASE_IDS_H_
