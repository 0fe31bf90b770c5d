// Mutex and MutexLock: Abseil's. ThreadSanitizer sees nothing of what an Abseil that was not built
// for it does, and would call all that its mutexes guard a race: where it looks they are made of
// POSIX's.
#ifndef CARAVAN_BASE_MUTEX_H_
#define CARAVAN_BASE_MUTEX_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#ifdef __SANITIZE_THREAD__

#include <pthread.h>
#include <sanitizer/tsan_interface.h>
#include <time.h>

#include "absl/time/time.h"

namespace caravan {

// What Caravan uses of absl::Mutex, with its meaning.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed_, &attributes);
    pthread_condattr_destroy(&attributes);
  }
  ~Mutex() {
    pthread_cond_destroy(&changed_);
    pthread_mutex_destroy(&mutex_);
  }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { pthread_mutex_lock(&mutex_); }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    pthread_cond_broadcast(&changed_);
    pthread_mutex_unlock(&mutex_);
  }
  void Await(const absl::Condition& condition) {
    while (!condition.Eval()) pthread_cond_wait(&changed_, &mutex_);
  }
  bool AwaitWithTimeout(const absl::Condition& condition, absl::Duration timeout) {
    if (timeout == absl::InfiniteDuration()) {
      Await(condition);
      return true;
    }
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const timespec end = absl::ToTimespec(absl::DurationFromTimespec(now) + timeout);
    int timed_out = 0;
    while (!condition.Eval()) {
      if (timed_out != 0) return false;
      timed_out = pthread_cond_timedwait(&changed_, &mutex_, &end);
    }
    return true;
  }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(*mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A thread that no sanitizer has seen hands `address` on: what was done before HandOver, of
// whoever, has happened before what follows TakeOver.
inline void HandOver(void* address) { __tsan_release(address); }
inline void TakeOver(void* address) { __tsan_acquire(address); }

}  // namespace caravan

#else

namespace caravan {

using Mutex = absl::Mutex;
using MutexLock = absl::MutexLock;

inline void HandOver(void*) {}
inline void TakeOver(void*) {}

}  // namespace caravan

#endif

#endif  // CARAVAN_BASE_MUTEX_H_
