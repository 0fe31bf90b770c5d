#include "base/side_thread.h"

#include <exception>
#include <string>
#include <utility>

#include <glog/logging.h>

namespace caravan {
namespace {

absl::Status Call(const std::function<absl::Status()>& job) {
  try {
    return job();
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

}  // namespace

SideThread::SideThread() : thread_([this] { Run(); }) {}

SideThread::~SideThread() {
  {
    const absl::MutexLock lock(&mutex_);
    is_ending_ = true;
  }
  thread_.join();
}

void SideThread::Start(std::function<absl::Status()> job) {
  const absl::MutexLock lock(&mutex_);
  CHECK(!is_running_ && !result_.has_value()) << "one job at a time";
  is_running_ = true;
  job_ = std::move(job);
}

std::optional<absl::Status> SideThread::TakeResult() {
  const absl::MutexLock lock(&mutex_);
  return std::exchange(result_, std::nullopt);
}

absl::Status SideThread::AwaitResult() {
  const absl::MutexLock lock(&mutex_);
  CHECK(is_running_ || result_.has_value()) << "no job to wait for";
  const auto has_result = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return result_.has_value(); };
  mutex_.Await(absl::Condition(&has_result));
  return *std::exchange(result_, std::nullopt);
}

void SideThread::Run() {
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_ending_ || job_ != nullptr;
  };
  while (true) {
    std::function<absl::Status()> job;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      if (job_ == nullptr) return;
      job = std::exchange(job_, nullptr);
    }
    absl::Status status = Call(job);
    const absl::MutexLock lock(&mutex_);
    result_ = std::move(status);
    is_running_ = false;
  }
}

}  // namespace caravan
