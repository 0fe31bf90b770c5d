#include "model/arena_plan.h"

#include <algorithm>
#include <numeric>

namespace caravan::model {
namespace {

constexpr uint64_t kAlignment = 16;

uint64_t Aligned(uint64_t elements) {
  return (elements + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

uint64_t ArenaPlan::AddLasting(uint64_t elements) {
  const uint64_t offset = elements_;
  elements_ += Aligned(elements);
  return offset;
}

size_t ArenaPlan::AddBlock(uint64_t elements, size_t first, size_t last) {
  blocks_.push_back({Aligned(elements), first, last, 0});
  return blocks_.size() - 1;
}

void ArenaPlan::PlaceBlocks() {
  const uint64_t base = elements_;
  std::vector<size_t> order(blocks_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(
      order, [&](size_t a, size_t b) { return blocks_[a].elements > blocks_[b].elements; });
  std::vector<Block*> placed;  // by offset
  for (const size_t number : order) {
    Block& block = blocks_[number];
    block.offset = base;
    for (const Block* other : placed) {
      const bool meet = block.first <= other->last && other->first <= block.last;
      if (!meet || other->offset + other->elements <= block.offset) continue;
      if (block.offset + block.elements <= other->offset) break;
      block.offset = other->offset + other->elements;
    }
    const auto at = std::ranges::upper_bound(placed, block.offset, {}, &Block::offset);
    placed.insert(at, &block);
    elements_ = std::max(elements_, block.offset + block.elements);
  }
}

}  // namespace caravan::model
