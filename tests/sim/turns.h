// What all simulated processes have: turns. A turn does what can be done now; it comes when an
// answer has arrived or a time has come that was asked for, and not while the process is stopped.
#ifndef CARAVAN_TESTS_SIM_TURNS_H_
#define CARAVAN_TESTS_SIM_TURNS_H_

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "tests/sim/event_loop.h"

namespace caravan::sim {

class Turns {
 public:
  Turns(EventLoop* loop, std::function<void()> turn) : loop_(loop), turn_(std::move(turn)) {}

  void At(Millis time) {
    const Millis now = loop_->Now();
    time = std::max({time, now, stopped_until_});
    if (!asked_.insert(time).second) return;
    loop_->After(time - now, [this, time, life = std::weak_ptr<int>(life_)] {
      if (life.expired()) return;
      asked_.erase(time);
      if (time < stopped_until_) return At(stopped_until_);
      turn_();
    });
  }
  void Soon() { At(loop_->Now()); }
  // As SIGSTOP, until then.
  void Stop(Millis until) { stopped_until_ = until; }
  bool is_stopped() const { return loop_->Now() < stopped_until_; }

 private:
  EventLoop* const loop_;
  const std::function<void()> turn_;
  std::set<Millis> asked_;
  Millis stopped_until_{0};
  std::shared_ptr<int> life_ = std::make_shared<int>(0);  // callbacks hold a weak one
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_TURNS_H_
