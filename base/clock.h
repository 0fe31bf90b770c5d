// Time as the state machines see it: milliseconds handed in, never asked for. Drivers ask a Clock,
// tests advance a ManualClock.
#ifndef CARAVAN_BASE_CLOCK_H_
#define CARAVAN_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace caravan {

using Millis = std::chrono::milliseconds;

// Whoever waits for longer says so: for what, for whom, since when.
inline constexpr Millis kWorthTelling{5000};

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic; the zero is arbitrary.
  virtual Millis Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Millis Now() const override;
};

// Owned and called by one thread.
class ManualClock final : public Clock {
 public:
  Millis Now() const override { return now_; }
  void Advance(Millis step) { now_ += step; }

 private:
  Millis now_{0};
};

}  // namespace caravan

#endif  // CARAVAN_BASE_CLOCK_H_
