#include "scheduler/block_queue.h"

#include <algorithm>

#include "base/random.h"

namespace caravan::scheduler {

BlockQueue::BlockQueue(std::vector<uint32_t> block_batches, std::span<const uint32_t> done)
    : blocks_(block_batches.size()) {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].batches = block_batches[i];
    batches_total_ += block_batches[i];
  }
  for (const uint32_t block : done) {
    if (block >= blocks_.size() || blocks_[block].state == State::kDone) continue;
    blocks_[block].state = State::kDone;
    batches_done_ += blocks_[block].batches;
    ++done_;
  }
  for (uint32_t block = 0; block < blocks_.size(); ++block) {
    if (blocks_[block].state == State::kWaiting) waiting_.push_back(block);
  }
}

// The order is drawn over all blocks, so that what remains after a resumption keeps its turn.
void BlockQueue::ShuffleOrder(uint64_t seed, uint32_t epoch) {
  std::vector<uint32_t> order(blocks_.size());
  for (uint32_t block = 0; block < order.size(); ++block) order[block] = block;
  constexpr uint64_t kOrderOfBlocks = 0x626c6f636b73;  // names this use of the seed
  Shuffle(order, RandomStream(seed, kOrderOfBlocks, epoch));
  waiting_.clear();
  for (const uint32_t block : order) {
    if (blocks_[block].state == State::kWaiting) waiting_.push_back(block);
  }
}

std::optional<Lease> BlockQueue::Take(WorkerId worker, uint64_t number, uint64_t batches_max) {
  if (waiting_.empty() || batches_max == 0) return std::nullopt;
  const uint32_t index = waiting_.front();
  waiting_.pop_front();
  Block& block = blocks_[index];
  block.state = State::kLeased;
  block.lease = {
      .number = number,
      .worker = worker,
      .block = index,
      .batches_end = static_cast<uint32_t>(std::min<uint64_t>(block.batches, batches_max))};
  ++leased_;
  batches_leased_ += block.lease.batches_end;
  return block.lease;
}

BlockQueue::Outcome BlockQueue::Finish(WorkerId worker, uint64_t number, uint32_t index) {
  if (index >= blocks_.size()) return Outcome::kStale;
  Block& block = blocks_[index];
  const bool is_last_lease = block.lease.number == number && block.lease.worker == worker;
  if (number == 0 || !is_last_lease || block.state == State::kWaiting) return Outcome::kStale;
  if (block.state != State::kLeased) return Outcome::kAcceptedBefore;
  --leased_;
  batches_leased_ -= block.lease.batches_end;
  batches_done_ += block.lease.batches_end;
  if (block.lease.batches_end < block.batches) {
    block.state = State::kCut;
  } else {
    block.state = State::kDone;
    ++done_;
  }
  return Outcome::kAccepted;
}

std::vector<uint32_t> BlockQueue::Release(WorkerId worker) {
  const std::vector<uint32_t> held = HeldBlocks(worker);
  for (const uint32_t index : held) {
    Block& block = blocks_[index];
    block.state = State::kWaiting;
    --leased_;
    batches_leased_ -= block.lease.batches_end;
    waiting_.push_front(index);
  }
  return held;
}

std::optional<Lease> BlockQueue::FindLease(uint64_t number) const {
  for (const Block& block : blocks_) {
    if (block.state == State::kLeased && block.lease.number == number) return block.lease;
  }
  return std::nullopt;
}

uint32_t BlockQueue::Held(WorkerId worker) const {
  return static_cast<uint32_t>(
      std::count_if(blocks_.begin(), blocks_.end(), [worker](const Block& block) {
        return block.state == State::kLeased && block.lease.worker == worker;
      }));
}

std::vector<uint32_t> BlockQueue::HeldBlocks(WorkerId worker) const {
  std::vector<uint32_t> held;
  for (uint32_t index = 0; index < blocks_.size(); ++index) {
    const Block& block = blocks_[index];
    if (block.state == State::kLeased && block.lease.worker == worker) held.push_back(index);
  }
  return held;
}

std::vector<uint32_t> BlockQueue::DoneBlocks() const {
  std::vector<uint32_t> done;
  for (uint32_t index = 0; index < blocks_.size(); ++index) {
    if (blocks_[index].state == State::kDone) done.push_back(index);
  }
  return done;
}

}  // namespace caravan::scheduler
