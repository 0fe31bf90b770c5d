// Work beside the thread that owns it: for what is slow and must not keep the owner waiting.
#ifndef CARAVAN_BASE_SIDE_THREAD_H_
#define CARAVAN_BASE_SIDE_THREAD_H_

#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace caravan {

// Does the work of its SideJobs, one after another in the order of their starts. Thread-safe.
class SideThread {
 public:
  // `niceness` (0 to 19): how much it gives way to other threads where processors are short.
  explicit SideThread(int niceness = 0);
  // Waits for all that was started.
  ~SideThread();
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

 private:
  friend class SideJob;
  void Enqueue(std::function<void()> work);
  void Run(int niceness);

  Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);  // one of each SideJob at most
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// A place for one piece of work at a time. Owned and called by one thread.
class SideJob {
 public:
  // `thread` outlives it. Null: the work is done in Start.
  explicit SideJob(SideThread* thread) : thread_(thread) {}
  // Waits for the work that is under way.
  ~SideJob();
  SideJob(const SideJob&) = delete;
  SideJob& operator=(const SideJob&) = delete;

  // There is no work under way, and none whose result was not taken.
  void Start(std::function<absl::Status()> work);
  // From Start until its result is taken.
  bool is_started() const { return is_started_; }
  // The result, once and when it is there; nothing until then. An exception is INTERNAL.
  std::optional<absl::Status> TakeResult();
  // Blocks until there is a result to take; there is work.
  absl::Status AwaitResult();
  // Blocks until TakeResult has the result; there is work.
  void Wait();

 private:
  void Do(const std::function<absl::Status()>& work);

  SideThread* const thread_;
  bool is_started_ = false;
  Mutex mutex_;
  std::optional<absl::Status> result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan

#endif  // CARAVAN_BASE_SIDE_THREAD_H_
