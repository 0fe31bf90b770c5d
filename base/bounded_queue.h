// Where threads meet: a queue of fixed capacity. Push waits while it is full, Pop while it is
// empty; both end when it is closed or their deadline passes.
#ifndef CARAVAN_BASE_BOUNDED_QUEUE_H_
#define CARAVAN_BASE_BOUNDED_QUEUE_H_

#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace caravan {

// Safe for any number of producers and consumers.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  // False when the queue is closed or still full after `timeout`; `value` is untouched then.
  bool Push(T&& value, absl::Duration timeout = absl::InfiniteDuration()) {
    MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(this, &BoundedQueue::HasRoomOrClosed), timeout);
    if (closed_ || values_.size() >= capacity_) return false;
    values_.push_back(std::move(value));
    return true;
  }

  // Nothing when `timeout` passes, or when the queue is closed and drained.
  std::optional<T> Pop(absl::Duration timeout = absl::InfiniteDuration()) {
    MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(this, &BoundedQueue::HasValueOrClosed), timeout);
    if (values_.empty()) return std::nullopt;
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    return value;
  }

  // Wakes all waiters. What is queued can still be popped; nothing can be pushed.
  void Close() {
    MutexLock lock(&mutex_);
    closed_ = true;
  }

  bool IsClosed() const {
    MutexLock lock(&mutex_);
    return closed_;
  }

  size_t Size() const {
    MutexLock lock(&mutex_);
    return values_.size();
  }

 private:
  bool HasRoomOrClosed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || values_.size() < capacity_;
  }
  bool HasValueOrClosed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || !values_.empty();
  }

  const size_t capacity_;
  mutable Mutex mutex_;
  std::deque<T> values_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace caravan

#endif  // CARAVAN_BASE_BOUNDED_QUEUE_H_
