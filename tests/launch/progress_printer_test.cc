#include "launch/report/progress_printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>

#include "tests/launch/small_status.h"

namespace caravan::launch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t g_columns = 80;
size_t TestColumns() { return g_columns; }

class ProgressPrinterTest : public ::testing::Test {
 protected:
  ProgressPrinterTest() : file_(std::tmpfile(), std::fclose) {}

  // What was written since the last call.
  std::string Written() {
    std::fflush(file_.get());
    std::fseek(file_.get(), read_, SEEK_SET);
    std::string text(100000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file_.get()));
    read_ = std::ftell(file_.get());
    return text;
  }

  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  long read_ = 0;
};

TEST_F(ProgressPrinterTest, PlainLinesComeNowAndThenAndOnChange) {
  ManualClock clock;
  const auto printer = MakePlainPrinter(clock, file_.get());
  scheduler::Status status = SmallStatus();
  printer->Update(status);
  EXPECT_THAT(Written(), HasSubstr("training epoch 2 of 3"));
  clock.Advance(Millis{14000});
  printer->Update(status);
  EXPECT_EQ(Written(), "");
  clock.Advance(Millis{1000});
  printer->Update(status);
  EXPECT_THAT(Written(), HasSubstr("training epoch 2 of 3"));
  status.set_phase("evaluating");
  printer->Update(status);
  const std::string waiting = Written();
  EXPECT_THAT(waiting, HasSubstr("evaluating"));
  EXPECT_THAT(waiting, HasSubstr("worker 3: pull from lane 2 for 6.1 s\n"));
  status.mutable_members(0)->clear_waiting_for();
  printer->Update(status);
  clock.Advance(Millis{1000});
  status.mutable_members(0)->set_waiting_for("pull from lane 2 for 5.1 s");
  printer->Update(status);
  EXPECT_EQ(Written(), "") << "who waits was told a second ago";
  status.mutable_members(0)->clear_waiting_for();
  printer->Say("hello");
  printer->Note("passing", false);
  printer->Note("staying", true);
  EXPECT_EQ(Written(), "hello\nstaying\n");
}

TEST_F(ProgressPrinterTest, TheLiveViewTakesItsOldLinesAway) {
  const auto printer = MakeLivePrinter("job", file_.get(), TestColumns);
  g_columns = 80;
  printer->Update(SmallStatus());
  const std::string first = Written();
  EXPECT_EQ(first.find("\x1b["), std::string::npos);
  const auto lines = std::count(first.begin(), first.end(), '\n');
  printer->Update(SmallStatus());
  EXPECT_THAT(Written(), ::testing::StartsWith("\r\x1b[" + std::to_string(lines) + "A\x1b[J"));
  printer->Say("worker 3 was killed");
  EXPECT_THAT(Written(), HasSubstr("\x1b[Jworker 3 was killed\njob · training"));
  printer->Finish();
  printer->Say("done");
  EXPECT_EQ(Written(), "done\n");
}

TEST_F(ProgressPrinterTest, ANarrowedTerminalIsClearedOfWrappedRows) {
  const auto printer = MakeLivePrinter("job", file_.get(), TestColumns);
  g_columns = 80;
  printer->Note(std::string(60, 'x'), false);
  Written();
  g_columns = 25;
  printer->Note("y", false);
  EXPECT_EQ(Written(), "\r\x1b[3A\x1b[Jy\n");
}

}  // namespace
}  // namespace caravan::launch
