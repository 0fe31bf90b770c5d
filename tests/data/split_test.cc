#include "data/split.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "data/calendar.h"

namespace caravan::data {
namespace {

using testing::HasSubstr;

conf::Data Data(const std::string& text) {
  conf::Data data;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &data));
  return data;
}

// "train first last, …" of the first half of 2001, 181 days.
std::string Resolve(const conf::Data& data) {
  const absl::StatusOr<std::vector<SplitRange>> ranges =
      ResolveSplits(data, *ParseDate("2001-01-01"), *ParseDate("2001-06-30"));
  if (!ranges.ok()) return std::string(ranges.status().message());
  std::string text;
  for (const SplitRange& range : *ranges) {
    text += fmt::format("{} {} {} ", range.name, FormatDate(range.first_anchor),
                        FormatDate(range.last_anchor));
  }
  return text;
}

constexpr const char* kFlights =
    "train 2001-02-09 2001-05-16 valid 2001-05-24 2001-06-04 test 2001-06-12 2001-06-23 ";

TEST(SplitTest, AutomaticSplitPartsTheAnchors) {
  EXPECT_EQ(Resolve(Data("history_days: 40 horizon_days: 7")), kFlights);
}

TEST(SplitTest, AWindowOfActiveDaysKeepsTheAnchorsOfAShorterHistory) {
  EXPECT_EQ(Resolve(Data("history_days: 7 horizon_days: 7 active_window_days: 40")), kFlights);
  EXPECT_THAT(Resolve(Data("history_days: 7 active_window_days: 180")),
              HasSubstr("data.active_window_days 180 and horizon_days 7 need 187 days"));
}

TEST(SplitTest, ExplicitRangesStand) {
  EXPECT_EQ(Resolve(Data(R"(
    split { train { first_anchor: "2001-02-09" last_anchor: "2001-05-16" }
            valid { first_anchor: "2001-05-24" last_anchor: "2001-06-04" }
            test { first_anchor: "2001-06-12" last_anchor: "2001-06-23" } })")),
            kFlights);
}

TEST(SplitTest, LabelWindowsMustNotOverlap) {
  const auto with_valid_from = [](const std::string& date) {
    return Resolve(Data(R"(
      split { train { first_anchor: "2001-02-09" last_anchor: "2001-05-16" }
              valid { first_anchor: ")" +
                        date + R"(" last_anchor: "2001-06-04" }
              test { first_anchor: "2001-06-12" last_anchor: "2001-06-23" } })"));
  };
  // Labels of May 16 cover the days up to May 23; an anchor's own labels begin the day after it.
  EXPECT_THAT(with_valid_from("2001-05-23"), testing::StartsWith("train"));
  EXPECT_THAT(with_valid_from("2001-05-22"), HasSubstr("may be 2001-05-23 or later"));
}

TEST(SplitTest, EveryErrorNamesItsField) {
  EXPECT_THAT(Resolve(Data("history_days: 180")),
              HasSubstr("need 187 days; the daily file has 181"));
  EXPECT_THAT(Resolve(Data("history_days: 160")), HasSubstr("too few"));
  EXPECT_THAT(Resolve(Data("split { gap_days: 3 }")), HasSubstr("data.split.gap_days is 3"));
  EXPECT_THAT(Resolve(Data(R"(split { train { first_anchor: "2001-02-09" } })")),
              HasSubstr("or none"));
  const std::string rest = R"(valid { first_anchor: "2001-05-24" last_anchor: "2001-06-04" }
                              test { first_anchor: "2001-06-12" last_anchor: "2001-06-23" } })";
  EXPECT_THAT(
      Resolve(Data(R"(split { train { first_anchor: "2001-02-09" last_anchor: "may" })" + rest)),
      HasSubstr("data.split.train.last_anchor: 'may'"));
  EXPECT_THAT(
      Resolve(
          Data(R"(split { train { first_anchor: "2001-02-09" last_anchor: "2001-02-08" })" + rest)),
      HasSubstr("data.split.train is empty"));
  EXPECT_THAT(
      Resolve(
          Data(R"(split { train { first_anchor: "2001-02-08" last_anchor: "2001-05-08" })" + rest)),
      HasSubstr("allows 2001-02-09 to 2001-06-23"));
}

TEST(CalendarTest, DatesThereAndBack) {
  EXPECT_EQ(ParseDate("1970-01-01"), 0);
  EXPECT_EQ(ParseDate("2000-02-29"), 11016);
  for (const int32_t day : {-1, 0, 11016, 20000, 100000}) {
    EXPECT_EQ(ParseDate(FormatDate(day)), day);
  }
  for (const char* bad :
       {"", "2001-02-29", "2001-13-01", "2001-1-01", "2001/01/01", "+001-01-01", "2001-01-011"}) {
    EXPECT_EQ(ParseDate(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace caravan::data
