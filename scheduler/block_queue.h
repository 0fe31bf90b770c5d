// The blocks of one pass over a split: which are waiting, leased to whom, done. A block is leased
// to one worker at a time; a worker that dies gives its blocks back. A lease is known by its
// number: what is reported under a number that no longer holds a block is stale.
//
// Pure: the same calls give the same answers.
#ifndef CARAVAN_SCHEDULER_BLOCK_QUEUE_H_
#define CARAVAN_SCHEDULER_BLOCK_QUEUE_H_

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "scheduler/journal.pb.h"

namespace caravan::scheduler {

struct Lease {
  uint64_t number = 0;  // never 0, never used twice in a run
  WorkerId worker{0};
  uint32_t block = 0;
  uint32_t batches_end = 0;  // how far the block is wanted: batches [0, batches_end)
};

class BlockQueue {
 public:
  // block_batches: batches of each block. Blocks in `done` are never leased; numbers beyond the
  // split's blocks are ignored.
  BlockQueue(std::vector<uint32_t> block_batches, std::span<const uint32_t> done);

  // Leases go in an order that follows from (seed, epoch). Without it they go by block number.
  void ShuffleOrder(uint64_t seed, uint32_t epoch);

  // The first block in that order that waits, for `worker`, cut where more than `batches_max`
  // batches would be begun; nothing when no block waits, or batches_max is 0.
  std::optional<Lease> Take(WorkerId worker, uint64_t number, uint64_t batches_max);

  enum class Outcome {
    kAccepted,
    kAcceptedBefore,  // the same report again
    kStale,           // the lease had gone to another, or never was
  };
  // A report that `worker` has finished what lease `number` asks for. A block that was cut is done
  // only as far as it was wanted: it is neither leased again nor counted as done.
  Outcome Finish(WorkerId worker, uint64_t number, uint32_t block);

  // Gives back what `worker` holds: those blocks wait again. Returns them.
  std::vector<uint32_t> Release(WorkerId worker);
  // Gives back the block of lease `number`; false where `worker` does not hold it.
  bool GiveBack(WorkerId worker, uint64_t number);
  // marks: by block, how many of its batches are really there. Finished blocks of which more were
  // wanted wait again. Returns them.
  std::vector<uint32_t> Reopen(std::span<const uint32_t> marks);

  std::optional<Lease> FindLease(uint64_t number) const;
  // Leases that `worker` holds.
  uint32_t Held(WorkerId worker) const;
  std::vector<uint32_t> HeldBlocks(WorkerId worker) const;

  uint32_t total() const { return static_cast<uint32_t>(blocks_.size()); }
  uint32_t batches(uint32_t block) const { return blocks_[block].batches; }
  uint32_t done() const { return done_; }
  uint32_t leased() const { return leased_; }
  bool all_done() const { return done_ == total(); }
  std::vector<uint32_t> DoneBlocks() const;
  // Of done blocks, and of cut ones as far as they were wanted.
  uint64_t batches_done() const { return batches_done_; }
  uint64_t batches_leased() const { return batches_leased_; }
  uint64_t batches_total() const { return batches_total_; }

  // For the journal: the state of a block, those that changed since the last call, and back.
  BlockState StateOf(uint32_t block) const;
  std::set<uint32_t> TakeChanged() { return std::exchange(changed_, {}); }
  void SetState(const BlockState& state);

 private:
  enum class State { kWaiting, kLeased, kDone, kCut };
  struct Block {
    State state = State::kWaiting;
    uint32_t batches = 0;
    uint32_t rank = 0;  // its turn
    Lease lease;        // the last one
  };
  // The one place where a block changes: counts follow.
  void Set(uint32_t index, State state, const Lease& lease);
  void Count(const Block& block, int64_t sign);

  std::vector<Block> blocks_;
  std::set<std::pair<uint32_t, uint32_t>> waiting_;  // by rank
  std::set<uint32_t> changed_;
  uint32_t done_ = 0;
  uint32_t leased_ = 0;
  uint64_t batches_done_ = 0;
  uint64_t batches_leased_ = 0;
  uint64_t batches_total_ = 0;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_BLOCK_QUEUE_H_
