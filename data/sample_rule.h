// Which (entity, scenario, anchor) is a sample, and its labels. Pure.
#ifndef CARAVAN_DATA_SAMPLE_RULE_H_
#define CARAVAN_DATA_SAMPLE_RULE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "conf/job.pb.h"
#include "data/daily_layout.h"
#include "data/series.h"
#include "data/split.h"

namespace caravan::data {

class SampleRule {
 public:
  SampleRule(const conf::Data& data, const DailyLayout& layout);

  // The anchors of `range` on which the active column is above zero on at least min_active_days of
  // the history's days, ascending. A series without a row has none, even if that minimum is 0.
  void Anchors(const Series& series, const SplitRange& range, std::vector<int32_t>& anchors) const;

  // labels: [tasks]. From the days after the anchor up to the horizon; a missing cell counts as 0.
  void Labels(const Series& series, int32_t anchor, std::span<float> labels) const;

  int32_t history_days() const { return history_days_; }

 private:
  struct LabelRule {
    uint32_t column;
    conf::Aggregate aggregate;
  };

  int32_t history_days_;
  int32_t horizon_days_;
  uint32_t min_active_days_;
  uint32_t active_column_;
  std::vector<LabelRule> labels_;
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SAMPLE_RULE_H_
