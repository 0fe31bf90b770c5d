// The order in which the parts of a batch add to the gradients they share: a step of part i follows
// the same step of part i - 1. Each part goes on with its own work meanwhile, so that the parts run
// one behind the other, a step apart, with one buffer of gradients and sums that do not depend on
// who was faster.
#ifndef CARAVAN_MODEL_PART_TURN_H_
#define CARAVAN_MODEL_PART_TURN_H_

#include <atomic>
#include <cstdint>

namespace caravan::model {

// Of an op; the steps of op number i of a backward pass are [i * kOpSteps, (i + 1) * kOpSteps).
inline constexpr uint64_t kOpSteps = uint64_t{1} << 32;

// Of one part: Await and Finish are called by its thread, and read by that of the next.
class PartTurn {
 public:
  // Before the threads start on a batch. before: the part before; null of the first.
  void Begin(const PartTurn* before) {
    before_ = before;
    done_.store(0, std::memory_order_relaxed);
  }
  bool first() const { return before_ == nullptr; }

  // This part has finished all steps below `done`; returns when the part before has all below
  // `step`.
  void Await(uint64_t done, uint64_t step) {
    Finish(done);
    if (before_ == nullptr) return;
    for (uint64_t now = before_->done_.load(std::memory_order_acquire); now < step;
         now = before_->done_.load(std::memory_order_acquire)) {
      before_->done_.wait(now, std::memory_order_acquire);
    }
  }

  void Finish(uint64_t done) {
    done_.store(done, std::memory_order_release);
    done_.notify_all();
  }

 private:
  const PartTurn* before_ = nullptr;
  std::atomic<uint64_t> done_{0};
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_PART_TURN_H_
