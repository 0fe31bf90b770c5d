// Work beside the owner's thread is done once, in order, and its result handed out once.
#include "base/side_thread.h"

#include <atomic>
#include <stdexcept>

#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"

namespace caravan {
namespace {

TEST(SideJobTest, IsDoneInStartWhereThereIsNoThread) {
  SideJob job(nullptr);
  EXPECT_FALSE(job.TakeResult().has_value());
  job.Start([] { return absl::UnavailableError("no"); });
  EXPECT_TRUE(job.is_started());
  EXPECT_TRUE(absl::IsUnavailable(*job.TakeResult()));
  EXPECT_FALSE(job.is_started());
  EXPECT_FALSE(job.TakeResult().has_value());
}

TEST(SideJobTest, JobsOfOneThreadAreDoneInTheOrderOfTheirStarts) {
  SideThread thread;
  SideJob first(&thread);
  SideJob second(&thread);
  absl::Notification may_end;
  std::atomic<int> done = 0;
  first.Start([&] {
    may_end.WaitForNotification();
    return ++done == 1 ? absl::OkStatus() : absl::InternalError("not the first");
  });
  second.Start([&] { return ++done == 2 ? absl::OkStatus() : absl::InternalError("not second"); });
  EXPECT_FALSE(first.TakeResult().has_value());
  EXPECT_FALSE(second.TakeResult().has_value());
  may_end.Notify();
  second.Wait();
  EXPECT_TRUE(first.is_started()) << "its result was not taken";
  EXPECT_TRUE(first.AwaitResult().ok());
  EXPECT_TRUE(second.AwaitResult().ok());
  second.Start([] { return absl::OkStatus(); });
  EXPECT_TRUE(second.AwaitResult().ok());
}

TEST(SideJobTest, AnExceptionIsAnErrorAndTheThreadGoesOn) {
  SideThread thread;
  SideJob job(&thread);
  job.Start([]() -> absl::Status { throw std::runtime_error("broken"); });
  EXPECT_TRUE(absl::IsInternal(job.AwaitResult()));
  job.Start([] { return absl::OkStatus(); });
  EXPECT_TRUE(job.AwaitResult().ok());
}

TEST(SideJobTest, ItsEndWaitsForTheWork) {
  SideThread thread;
  std::atomic<bool> is_done = false;
  {
    SideJob job(&thread);
    job.Start([&] {
      is_done = true;
      return absl::OkStatus();
    });
  }
  EXPECT_TRUE(is_done);
}

}  // namespace
}  // namespace caravan
