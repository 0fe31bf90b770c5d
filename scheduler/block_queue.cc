#include "scheduler/block_queue.h"

#include <algorithm>

#include "base/random.h"

namespace caravan::scheduler {

BlockQueue::BlockQueue(std::vector<uint32_t> block_batches, std::span<const uint32_t> done)
    : blocks_(block_batches.size()) {
  for (uint32_t index = 0; index < blocks_.size(); ++index) {
    blocks_[index].batches = block_batches[index];
    blocks_[index].rank = index;
    batches_total_ += block_batches[index];
    waiting_.emplace(index, index);
  }
  for (const uint32_t block : done) {
    if (block >= blocks_.size()) continue;
    Set(block, State::kDone, {.block = block, .batches_end = blocks_[block].batches});
  }
}

// The order is drawn over all blocks, so that what remains after a resumption keeps its turn.
void BlockQueue::ShuffleOrder(uint64_t seed, uint32_t epoch) {
  std::vector<uint32_t> order(blocks_.size());
  for (uint32_t block = 0; block < order.size(); ++block) order[block] = block;
  constexpr uint64_t kOrderOfBlocks = 0x626c6f636b73;  // names this use of the seed
  Shuffle(order, RandomStream(seed, kOrderOfBlocks, epoch));
  waiting_.clear();
  for (uint32_t rank = 0; rank < order.size(); ++rank) {
    Block& block = blocks_[order[rank]];
    block.rank = rank;
    if (block.state == State::kWaiting) waiting_.emplace(rank, order[rank]);
  }
}

void BlockQueue::Count(const Block& block, int64_t sign) {
  const uint64_t batches = static_cast<uint64_t>(sign) * block.lease.batches_end;
  if (block.state == State::kLeased) {
    leased_ += static_cast<uint32_t>(sign);
    batches_leased_ += batches;
  } else if (block.state != State::kWaiting) {
    done_ += block.state == State::kDone ? static_cast<uint32_t>(sign) : 0;
    batches_done_ += batches;
  }
}

void BlockQueue::Set(uint32_t index, State state, const Lease& lease) {
  Block& block = blocks_[index];
  Count(block, -1);
  waiting_.erase({block.rank, index});
  block.state = state;
  block.lease = lease;
  Count(block, 1);
  if (state == State::kWaiting) waiting_.emplace(block.rank, index);
  changed_.insert(index);
}

std::optional<Lease> BlockQueue::Take(WorkerId worker, uint64_t number, uint64_t batches_max) {
  if (waiting_.empty() || batches_max == 0) return std::nullopt;
  const uint32_t index = waiting_.begin()->second;
  const uint64_t batches = std::min<uint64_t>(blocks_[index].batches, batches_max);
  const Lease lease{.number = number,
                    .worker = worker,
                    .block = index,
                    .batches_end = static_cast<uint32_t>(batches)};
  Set(index, State::kLeased, lease);
  return lease;
}

BlockQueue::Outcome BlockQueue::Finish(WorkerId worker, uint64_t number, uint32_t index) {
  if (index >= blocks_.size()) return Outcome::kStale;
  const Block& block = blocks_[index];
  const bool is_last_lease = block.lease.number == number && block.lease.worker == worker;
  if (number == 0 || !is_last_lease || block.state == State::kWaiting) return Outcome::kStale;
  if (block.state != State::kLeased) return Outcome::kAcceptedBefore;
  Set(index, block.lease.batches_end < block.batches ? State::kCut : State::kDone, block.lease);
  return Outcome::kAccepted;
}

std::vector<uint32_t> BlockQueue::Release(WorkerId worker) {
  const std::vector<uint32_t> held = HeldBlocks(worker);
  for (const uint32_t index : held) Set(index, State::kWaiting, blocks_[index].lease);
  return held;
}

bool BlockQueue::GiveBack(WorkerId worker, uint64_t number) {
  const std::optional<Lease> lease = FindLease(number);
  if (!lease.has_value() || lease->worker != worker) return false;
  Set(lease->block, State::kWaiting, *lease);
  return true;
}

std::vector<uint32_t> BlockQueue::Reopen(std::span<const uint32_t> marks) {
  std::vector<uint32_t> reopened;
  for (uint32_t index = 0; index < blocks_.size(); ++index) {
    const Block& block = blocks_[index];
    const bool finished = block.state == State::kDone || block.state == State::kCut;
    if (!finished || marks[index] >= block.lease.batches_end) continue;
    Set(index, State::kWaiting, block.lease);
    reopened.push_back(index);
  }
  return reopened;
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

BlockState BlockQueue::StateOf(uint32_t index) const {
  const Block& block = blocks_[index];
  BlockState state;
  state.set_block(index);
  state.set_state(static_cast<uint32_t>(block.state));
  state.mutable_lease()->set_number(block.lease.number);
  state.mutable_lease()->set_worker(Index(block.lease.worker));
  state.mutable_lease()->set_batches_end(block.lease.batches_end);
  return state;
}

void BlockQueue::SetState(const BlockState& state) {
  if (state.block() >= blocks_.size() || state.state() > static_cast<uint32_t>(State::kCut)) return;
  Set(state.block(), static_cast<State>(state.state()),
      {.number = state.lease().number(),
       .worker = WorkerId{state.lease().worker()},
       .block = state.block(),
       .batches_end = std::min(state.lease().batches_end(), blocks_[state.block()].batches)});
}

}  // namespace caravan::scheduler
