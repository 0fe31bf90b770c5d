// One pass over the blocks of a split that workers predict and score; the sums of all blocks are
// the evaluation. Pure.
#ifndef CARAVAN_SCHEDULER_EVALUATION_ROUND_H_
#define CARAVAN_SCHEDULER_EVALUATION_ROUND_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "scheduler/block_queue.h"
#include "scheduler/events.h"

namespace caravan::scheduler {

// The blocks of a split, as samples of each.
struct SplitBlocks {
  std::string split;
  std::vector<uint64_t> samples;

  std::vector<uint32_t> Batches(uint32_t batch_size) const;
  uint64_t TotalSamples() const;
};

class EvaluationRound {
 public:
  EvaluationRound(const SplitBlocks& blocks, uint32_t batch_size, uint32_t epoch, Millis begun);

  BlockQueue& queue() { return queue_; }
  const BlockQueue& queue() const { return queue_; }
  const std::string& split() const { return blocks_.split; }
  uint32_t epoch() const { return epoch_; }

  // Whether the cells are those of the block's samples: every task's samples add up to the block's.
  // INVALID_ARGUMENT says what is wrong.
  absl::Status Check(const BlockDone& report, uint32_t tasks, uint32_t scenarios) const;
  void Add(const std::vector<net::CellSums>& cells);
  Evaluation Result(Millis now) const;

 private:
  const SplitBlocks blocks_;
  const uint32_t epoch_;
  const Millis begun_;
  BlockQueue queue_;
  std::map<std::pair<uint32_t, uint32_t>, net::CellSums> cells_;  // by (task, scenario)
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_EVALUATION_ROUND_H_
