#include "launch/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/file.h"

namespace caravan::launch {
namespace {

class ChildProcessTest : public ::testing::Test {
 protected:
  ChildProcessTest()
      : log_(::testing::TempDir() + "/child_process_" + std::to_string(getpid()) + ".log") {
    std::filesystem::remove(log_);
  }
  ~ChildProcessTest() override { std::filesystem::remove(log_); }

  ChildProcess Shell(const std::string& script) {
    absl::StatusOr<ChildProcess> child = ChildProcess::Start({"/bin/sh", "-c", script}, log_);
    EXPECT_TRUE(child.ok()) << std::string(child.status().message());
    return *std::move(child);
  }

  static ExitOfProcess Await(ChildProcess& child) {
    while (!child.Poll().has_value()) std::this_thread::yield();
    return *child.Poll();
  }

  static bool IsThere(pid_t pid) { return kill(pid, 0) == 0; }

  std::string log_;
};

TEST_F(ChildProcessTest, TellsHowItEnded) {
  ChildProcess good = Shell("exit 0");
  EXPECT_TRUE(Await(good).ok());
  ChildProcess bad = Shell("exit 3");
  EXPECT_EQ(Await(bad).Text(), "exit code 3");
  ChildProcess killed = Shell("kill -9 $$");
  EXPECT_EQ(Await(killed).Text(), "signal 9 (Killed)");
  EXPECT_FALSE(Await(killed).ok());
}

TEST_F(ChildProcessTest, LogsBothStreamsBehindWhatIsThere) {
  ChildProcess first = Shell("echo one; echo two >&2");
  Await(first);
  ChildProcess second = Shell("echo; echo three; echo");
  Await(second);
  EXPECT_EQ(*ReadFile(log_), "one\ntwo\n\nthree\n\n");
  EXPECT_EQ(LastLine(log_), "three");
  EXPECT_EQ(LastLine(log_ + ".none"), "");
}

TEST_F(ChildProcessTest, AProgramThatIsNotThereIsNamed) {
  const absl::StatusOr<ChildProcess> child = ChildProcess::Start({"/no/such/program"}, log_);
  EXPECT_EQ(child.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(child.status().message()), ::testing::HasSubstr("/no/such/program"));
}

TEST_F(ChildProcessTest, TerminateAsksAndKillDoesNot) {
  ChildProcess polite = Shell("exec sleep 1000");
  polite.Terminate();
  EXPECT_EQ(Await(polite).signal, SIGTERM);
  ChildProcess stubborn = Shell("trap '' TERM; echo deaf; while :; do sleep 1000; done");
  while (LastLine(log_) != "deaf") std::this_thread::yield();
  stubborn.Terminate();
  EXPECT_FALSE(stubborn.Poll().has_value());
  stubborn.Kill();
  EXPECT_EQ(stubborn.Poll()->signal, SIGKILL);
}

TEST_F(ChildProcessTest, DiesWithItsOwner) {
  pid_t pid = 0;
  {
    const ChildProcess child = Shell("exec sleep 1000");
    pid = child.pid();
    EXPECT_TRUE(IsThere(pid));
    EXPECT_EQ(getpgid(pid), pid);
  }
  EXPECT_FALSE(IsThere(pid));
}

TEST_F(ChildProcessTest, DiesWhenTheThreadThatStartedItEnds) {
  std::optional<ChildProcess> child;
  std::thread([&] { child.emplace(Shell("exec sleep 1000")); }).join();
  EXPECT_EQ(Await(*child).signal, SIGKILL);
}

}  // namespace
}  // namespace caravan::launch
