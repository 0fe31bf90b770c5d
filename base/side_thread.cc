#include "base/side_thread.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include <glog/logging.h>

namespace caravan {

SideThread::SideThread(int niceness) : thread_([this, niceness] { Run(niceness); }) {}

SideThread::~SideThread() {
  {
    const MutexLock lock(&mutex_);
    is_ending_ = true;
  }
  thread_.join();
}

void SideThread::Enqueue(std::function<void()> work) {
  const MutexLock lock(&mutex_);
  queue_.push_back(std::move(work));
}

void SideThread::Run(int niceness) {
  // On Linux a thread's own. Where it is refused the thread is like any other.
  if (niceness != 0 && setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness) != 0) {
    LOG(WARNING) << "a side thread runs at the priority of all others: " << std::strerror(errno);
  }
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_ending_ || !queue_.empty();
  };
  while (true) {
    std::function<void()> work;
    {
      const MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

SideJob::~SideJob() {
  if (is_started_) Wait();
}

void SideJob::Do(const std::function<absl::Status()>& work) {
  absl::Status status;
  try {
    status = work();
  } catch (const std::exception& error) {
    status = absl::InternalError(error.what());
  }
  const MutexLock lock(&mutex_);
  result_ = std::move(status);
}

void SideJob::Start(std::function<absl::Status()> work) {
  CHECK(!is_started_) << "one piece of work at a time";
  is_started_ = true;
  if (thread_ == nullptr) {
    Do(work);
  } else {
    thread_->Enqueue([this, work = std::move(work)] { Do(work); });
  }
}

std::optional<absl::Status> SideJob::TakeResult() {
  const MutexLock lock(&mutex_);
  std::optional<absl::Status> result = std::exchange(result_, std::nullopt);
  if (result.has_value()) is_started_ = false;
  return result;
}

absl::Status SideJob::AwaitResult() {
  Wait();
  return *TakeResult();
}

void SideJob::Wait() {
  CHECK(is_started_) << "nothing to wait for";
  const MutexLock lock(&mutex_);
  const auto has_result = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return result_.has_value(); };
  mutex_.Await(absl::Condition(&has_result));
}

}  // namespace caravan
