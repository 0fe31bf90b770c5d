// One job at a time beside the thread that owns it: for what is slow and must not keep the owner
// waiting.
#ifndef CARAVAN_BASE_SIDE_THREAD_H_
#define CARAVAN_BASE_SIDE_THREAD_H_

#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace caravan {

// Owned and called by one thread.
class SideThread {
 public:
  SideThread();
  // Waits for the job that is under way.
  ~SideThread();
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

  // There is no job under way, and none whose result was not taken.
  void Start(std::function<absl::Status()> job);
  // The job's result, once and when it is there; nothing until then. An exception is INTERNAL.
  std::optional<absl::Status> TakeResult();
  // Blocks until there is a result to take; there is a job.
  absl::Status AwaitResult();

 private:
  void Run();

  absl::Mutex mutex_;
  std::function<absl::Status()> job_ ABSL_GUARDED_BY(mutex_);  // null: none
  bool is_running_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> result_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace caravan

#endif  // CARAVAN_BASE_SIDE_THREAD_H_
