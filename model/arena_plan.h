// Where the buffers of a graph lie in one arena: blocks whose lives do not meet may share memory.
// Offsets and sizes are in elements; every block starts at a multiple of 16.
#ifndef CARAVAN_MODEL_ARENA_PLAN_H_
#define CARAVAN_MODEL_ARENA_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace caravan::model {

class ArenaPlan {
 public:
  // A block that lives as long as the arena; its offset.
  uint64_t AddLasting(uint64_t elements);
  // A block that lives during steps [first, last]; its number, for block_offset.
  size_t AddBlock(uint64_t elements, size_t first, size_t last);
  // Places all blocks behind the lasting ones, the largest first, each at the lowest offset where
  // nothing that lives at the same time is. Call once, after the last Add.
  void PlaceBlocks();

  uint64_t block_offset(size_t block) const { return blocks_[block].offset; }
  uint64_t elements() const { return elements_; }

 private:
  struct Block {
    uint64_t elements;
    size_t first;
    size_t last;
    uint64_t offset;
  };

  std::vector<Block> blocks_;
  uint64_t elements_ = 0;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_ARENA_PLAN_H_
