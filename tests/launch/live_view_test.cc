#include "launch/report/live_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/report/human_text.h"
#include "tests/launch/small_status.h"

namespace caravan::launch {
namespace {

using ::testing::HasSubstr;

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(HumanTextTest, WritesNumbersAsPeopleReadThem) {
  EXPECT_EQ(Thousands(0), "0");
  EXPECT_EQ(Thousands(999.6), "1,000");
  EXPECT_EQ(Thousands(1234567), "1,234,567");
  EXPECT_EQ(Thousands(-1234), "-1,234");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(999.9), "1.0 kB");
  EXPECT_EQ(HumanBytes(1234567890), "1.2 GB");
  EXPECT_EQ(HumanBytes(312e6), "312 MB");
  EXPECT_EQ(HumanSeconds(8.4), "8 s");
  EXPECT_EQ(HumanSeconds(125), "2 m 05 s");
  EXPECT_EQ(HumanSeconds(3 * 3600 + 601), "3 h 10 m");
  EXPECT_EQ(HumanSeconds(-5), "0 s");
}

TEST(LiveViewTest, ShowsTheRun) {
  const std::string view = Joined(LiveView(SmallStatus(), "us_flights", 100));
  EXPECT_THAT(view,
              HasSubstr("us_flights · training · epoch 2 of 3 · 1 m 12 s, about 2 m 30 s left"));
  EXPECT_THAT(view, HasSubstr(" 25 %  41 of 164 blocks, 40 out"));
  EXPECT_THAT(view, HasSubstr(" 50 %  1,236 of 2,472 batches"));
  EXPECT_THAT(view, HasSubstr("3,912 samples/s   loss 0.8123   staleness 12.3   rate ×0.870"));
  EXPECT_THAT(view, HasSubstr("workers 39 of 40   servers 4 of 4   lost 1"));
  EXPECT_THAT(view, HasSubstr("pulled 1.2 GB   pushed 900 MB   memory 3.1 GB"));
  EXPECT_THAT(view, HasSubstr("valid after epoch 1: NMAE 0.1932  SMAPE 0.4411   checkpoint 1"));
  EXPECT_THAT(view, HasSubstr("waiting: worker 3: pull from lane 2 for 6.1 s"));
}

TEST(LiveViewTest, BarsAreAsFullAsTheShare) {
  scheduler::Status status = SmallStatus();
  status.set_blocks_done(164);
  const std::string epoch = LiveView(status, "x", 100)[1];
  EXPECT_EQ(epoch.find("░"), std::string::npos);
  EXPECT_THAT(epoch, HasSubstr("100 %"));
  status.set_blocks_done(0);
  EXPECT_EQ(LiveView(status, "x", 100)[1].find("█"), std::string::npos);
}

TEST(LiveViewTest, NoLineIsWiderThanTheTerminal) {
  for (size_t width = 20; width < 130; ++width) {
    for (const std::string& line : LiveView(SmallStatus(), "us_flights", width)) {
      EXPECT_LE(Columns(line), width) << line;
      // No character is cut in two: each byte that leads is followed by all of its own.
      EXPECT_NE(static_cast<unsigned char>(line.back()) & 0xc0, 0xc0) << line;
    }
  }
  EXPECT_EQ(Columns("█░é…x"), 5u);
}

TEST(LiveViewTest, AnEmptyStatusIsShownToo) {
  const std::string view = Joined(LiveView(scheduler::Status(), "x", 80));
  EXPECT_THAT(view, HasSubstr("epoch 1 of 0"));
  EXPECT_THAT(view, HasSubstr("  0 %"));
}

TEST(LiveViewTest, ManyWaitersAreCounted) {
  scheduler::Status status = SmallStatus();
  for (int i = 0; i < 9; ++i) {
    scheduler::MemberStatus& member = *status.add_members();
    member.set_role("worker");
    member.set_waiting_for("a lane");
  }
  EXPECT_THAT(Joined(LiveView(status, "x", 80)), HasSubstr("waiting: 7 more"));
}

TEST(LiveViewTest, TheProgressLineSaysTheSame) {
  const std::string line = ProgressLine(SmallStatus());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(line, HasSubstr("[1 m 12 s] training epoch 2 of 3, 41/164 blocks, 3,912 samples/s"));
  EXPECT_THAT(line, HasSubstr("2 m 30 s left"));
}

}  // namespace
}  // namespace caravan::launch
