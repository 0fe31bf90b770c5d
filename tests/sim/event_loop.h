// Simulated time: what happens when. One thread; events of the same time run in the order in which
// they were asked for, so that a run follows from its seed alone.
#ifndef CARAVAN_TESTS_SIM_EVENT_LOOP_H_
#define CARAVAN_TESTS_SIM_EVENT_LOOP_H_

#include <cstdint>
#include <map>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "base/clock.h"

namespace caravan::sim {

class EventLoop final : public Clock {
 public:
  using Action = absl::AnyInvocable<void()>;

  Millis Now() const override { return now_; }
  void After(Millis delay, Action action) {
    events_.emplace(std::pair(now_ + delay, next_++), std::move(action));
  }
  // Runs the next event, at its time; false where there is none.
  bool RunNext() {
    if (events_.empty()) return false;
    auto event = events_.extract(events_.begin());
    now_ = event.key().first;
    event.mapped()();
    return true;
  }
  uint64_t events_begun() const { return next_; }

 private:
  Millis now_{0};
  uint64_t next_ = 0;
  std::map<std::pair<Millis, uint64_t>, Action> events_;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_EVENT_LOOP_H_
