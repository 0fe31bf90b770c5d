// One thread's word to all others that it is time to leave.
#ifndef CARAVAN_WORKER_INTERRUPT_H_
#define CARAVAN_WORKER_INTERRUPT_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace caravan::worker {

// Thread-safe. Once set it stays set.
class Interrupt {
 public:
  void Set() {
    MutexLock lock(&mutex_);
    set_ = true;
  }
  bool IsSet() const {
    MutexLock lock(&mutex_);
    return set_;
  }
  // Waits for `timeout` or until it is set; true when it is.
  bool WaitFor(absl::Duration timeout) const {
    MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&set_), timeout);
  }

 private:
  mutable Mutex mutex_;
  bool set_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_INTERRUPT_H_
