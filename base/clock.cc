#include "base/clock.h"

namespace caravan {

Millis SystemClock::Now() const {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace caravan
