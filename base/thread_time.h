// Processor time of the calling thread, which other work on the machine does not add to.
#ifndef CARAVAN_BASE_THREAD_TIME_H_
#define CARAVAN_BASE_THREAD_TIME_H_

#include <ctime>

namespace caravan {

// Seconds; the zero is arbitrary.
inline double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);  // cannot fail for the calling thread
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace caravan

#endif  // CARAVAN_BASE_THREAD_TIME_H_
