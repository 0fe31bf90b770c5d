// Which (entity, scenario, anchor) is a sample, and its labels. Pure.
#ifndef CARAVAN_DATA_SAMPLE_RULE_H_
#define CARAVAN_DATA_SAMPLE_RULE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "data/daily_layout.h"
#include "data/series.h"
#include "data/split.h"

namespace caravan::data {

class SampleRule {
 public:
  // `scenarios`: their ids, in the order of Series::scenario. INVALID_ARGUMENT where data.hold_out
  // names none of them.
  static absl::StatusOr<SampleRule> Make(const conf::Data& data, const DailyLayout& layout,
                                         std::span<const std::string> scenarios);

  // The anchors of `range` on which the active column is above zero on at least min_active_days of
  // the last active_window_days, ascending, without those that data.hold_out takes from training. A
  // series without a row has none, even if that minimum is 0.
  void Anchors(const Series& series, const SplitRange& range, std::vector<int32_t>& anchors) const;

  // labels: [tasks]. From the days after the anchor up to the horizon; a missing cell counts as 0.
  void Labels(const Series& series, int32_t anchor, std::span<float> labels) const;

  int32_t history_days() const { return history_days_; }

 private:
  struct LabelRule {
    uint32_t column;
    conf::Aggregate aggregate;
  };

  SampleRule(const conf::Data& data, const DailyLayout& layout);
  bool IsHeldOut(const Series& series, int32_t anchor) const;

  int32_t history_days_;
  int32_t horizon_days_;
  int32_t active_window_days_;
  uint32_t min_active_days_;
  uint32_t active_column_;
  std::vector<LabelRule> labels_;
  std::optional<uint32_t> held_out_;  // scenario
  double keep_fraction_;
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SAMPLE_RULE_H_
