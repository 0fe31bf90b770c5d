#include "data/split.h"

#include <fmt/format.h>

#include <optional>

#include "base/status_macros.h"
#include "data/calendar.h"

namespace caravan::data {
namespace {

// Days up to an anchor that the daily file must have, and what needs them.
struct Lookback {
  int32_t days;
  std::string_view field;
};
Lookback LookbackOf(const conf::Data& data) {
  const auto history = static_cast<int32_t>(data.history_days());
  const auto window = static_cast<int32_t>(data.active_window_days());
  if (window > history) return {.days = window, .field = "active_window_days"};
  return {.days = history, .field = "history_days"};
}

absl::StatusOr<int32_t> AnchorDate(const std::string& text, std::string_view split,
                                   std::string_view which) {
  const std::optional<int32_t> day = ParseDate(text);
  if (day) return *day;
  return absl::InvalidArgumentError(
      fmt::format("data.split.{}.{}_anchor: '{}' is no date; YYYY-MM-DD is", split, which, text));
}

absl::StatusOr<SplitRange> ExplicitRange(std::string name, const conf::AnchorRange& range) {
  CARAVAN_ASSIGN_OR_RETURN(const int32_t first, AnchorDate(range.first_anchor(), name, "first"));
  CARAVAN_ASSIGN_OR_RETURN(const int32_t last, AnchorDate(range.last_anchor(), name, "last"));
  if (last < first) {
    return absl::InvalidArgumentError(
        fmt::format("data.split.{} is empty: its last anchor {} lies before its first {}", name,
                    range.last_anchor(), range.first_anchor()));
  }
  return SplitRange{.name = std::move(name), .first_anchor = first, .last_anchor = last};
}

absl::StatusOr<std::vector<SplitRange>> ExplicitSplits(const conf::Data& data, int32_t first_usable,
                                                       int32_t last_usable) {
  const conf::Split& split = data.split();
  if (!split.has_train() || !split.has_valid() || !split.has_test()) {
    return absl::InvalidArgumentError(
        "data.split: give all of train, valid and test, or none of them");
  }
  std::vector<SplitRange> ranges;
  CARAVAN_ASSIGN_OR_RETURN(SplitRange train, ExplicitRange("train", split.train()));
  CARAVAN_ASSIGN_OR_RETURN(SplitRange valid, ExplicitRange("valid", split.valid()));
  CARAVAN_ASSIGN_OR_RETURN(SplitRange test, ExplicitRange("test", split.test()));
  ranges = {std::move(train), std::move(valid), std::move(test)};
  const auto horizon = static_cast<int32_t>(data.horizon_days());
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].first_anchor < first_usable || ranges[i].last_anchor > last_usable) {
      return absl::InvalidArgumentError(fmt::format(
          "data.split.{}: anchors {} to {}; with {} {} and a horizon of {} the daily file allows "
          "{} to {}",
          ranges[i].name, FormatDate(ranges[i].first_anchor), FormatDate(ranges[i].last_anchor),
          LookbackOf(data).field, LookbackOf(data).days, horizon, FormatDate(first_usable),
          FormatDate(last_usable)));
    }
    if (i > 0 && ranges[i].first_anchor < ranges[i - 1].last_anchor + horizon) {
      return absl::InvalidArgumentError(fmt::format(
          "data.split.{} begins on {}, but the labels of {} cover the days up to {}; its first "
          "anchor may be {} or later",
          ranges[i].name, FormatDate(ranges[i].first_anchor), ranges[i - 1].name,
          FormatDate(ranges[i - 1].last_anchor + horizon),
          FormatDate(ranges[i - 1].last_anchor + horizon)));
    }
  }
  return ranges;
}

absl::StatusOr<std::vector<SplitRange>> AutomaticSplits(const conf::Data& data,
                                                        int32_t first_usable, int32_t last_usable) {
  const auto horizon = static_cast<int32_t>(data.horizon_days());
  const auto wanted_gap = static_cast<int32_t>(data.split().gap_days());
  const int32_t gap = wanted_gap == 0 ? horizon : wanted_gap;
  if (gap < horizon) {
    return absl::InvalidArgumentError(
        fmt::format("data.split.gap_days is {}; at least horizon_days, {}, keeps label windows of "
                    "two splits apart",
                    gap, horizon));
  }
  const int32_t anchors = last_usable - first_usable + 1 - 2 * gap;
  const int32_t held_out = anchors > 0 ? (anchors + 5) / 10 : 0;
  if (held_out == 0) {
    return absl::InvalidArgumentError(fmt::format(
        "data.split: {} anchor days without the gaps are too few to part 8:1:1; 5 are needed",
        anchors < 0 ? 0 : anchors));
  }
  SplitRange train{.name = "train",
                   .first_anchor = first_usable,
                   .last_anchor = first_usable + anchors - 2 * held_out - 1};
  SplitRange valid{.name = "valid", .first_anchor = train.last_anchor + gap + 1};
  valid.last_anchor = valid.first_anchor + held_out - 1;
  SplitRange test{
      .name = "test", .first_anchor = valid.last_anchor + gap + 1, .last_anchor = last_usable};
  return std::vector<SplitRange>{std::move(train), std::move(valid), std::move(test)};
}

}  // namespace

absl::StatusOr<std::vector<SplitRange>> ResolveSplits(const conf::Data& data, int32_t first_day,
                                                      int32_t last_day) {
  const Lookback lookback = LookbackOf(data);
  const auto horizon = static_cast<int32_t>(data.horizon_days());
  const int32_t first_usable = first_day + lookback.days - 1;
  const int32_t last_usable = last_day - horizon;
  if (last_usable < first_usable) {
    return absl::InvalidArgumentError(
        fmt::format("data.{} {} and horizon_days {} need {} days; the daily file has {}, {} to {}",
                    lookback.field, lookback.days, horizon, lookback.days + horizon,
                    last_day - first_day + 1, FormatDate(first_day), FormatDate(last_day)));
  }
  const conf::Split& split = data.split();
  if (split.has_train() || split.has_valid() || split.has_test()) {
    return ExplicitSplits(data, first_usable, last_usable);
  }
  return AutomaticSplits(data, first_usable, last_usable);
}

}  // namespace caravan::data
