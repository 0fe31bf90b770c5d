#include "data/sample_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "conf/job_defaults.h"

namespace caravan::data {

SampleRule::SampleRule(const conf::Data& data, const DailyLayout& layout)
    : history_days_(static_cast<int32_t>(data.history_days())),
      horizon_days_(static_cast<int32_t>(data.horizon_days())),
      active_window_days_(static_cast<int32_t>(conf::ActiveWindowDays(data))),
      min_active_days_(data.min_active_days()),
      active_column_(layout.active_column),
      keep_fraction_(data.hold_out().keep_fraction()) {
  for (int task = 0; task < data.tasks_size(); ++task) {
    labels_.push_back({.column = layout.task_columns[static_cast<size_t>(task)],
                       .aggregate = data.tasks(task).aggregate()});
  }
}

absl::StatusOr<SampleRule> SampleRule::Make(const conf::Data& data, const DailyLayout& layout,
                                            std::span<const std::string> scenarios) {
  SampleRule rule(data, layout);
  const std::string& held_out = data.hold_out().scenario();
  if (held_out.empty()) return rule;
  const auto found = std::ranges::find(scenarios, held_out);
  if (found == scenarios.end()) {
    return absl::InvalidArgumentError(fmt::format("data.hold_out.scenario is \"{}\"; {} has {}",
                                                  held_out, data.scenarios_file(),
                                                  fmt::join(scenarios, ", ")));
  }
  rule.held_out_ = static_cast<uint32_t>(found - scenarios.begin());
  return rule;
}

// A sample's draw follows from what it is: the same whatever is left out beside it.
bool SampleRule::IsHeldOut(const Series& series, int32_t anchor) const {
  if (series.scenario != held_out_) return false;
  const uint64_t draw = CombineHash(CombineHash(series.entity, series.scenario),
                                    static_cast<uint64_t>(static_cast<int64_t>(anchor)));
  return std::ldexp(static_cast<double>(draw), -64) >= keep_fraction_;
}

void SampleRule::Anchors(const Series& series, const SplitRange& range,
                         std::vector<int32_t>& anchors) const {
  anchors.clear();
  // Both ends of the window move with the anchor; `active` counts the active days between them.
  size_t head = 0;
  size_t tail = 0;
  uint32_t active = 0;
  const bool is_training = range.name == "train";
  const auto is_active = [&](size_t row) { return series.Row(row)[active_column_] > 0 ? 1U : 0U; };
  for (int32_t anchor = range.first_anchor; anchor <= range.last_anchor; ++anchor) {
    for (; head < series.days.size() && series.days[head] <= anchor; ++head) {
      active += is_active(head);
    }
    for (; tail < head && series.days[tail] <= anchor - active_window_days_; ++tail) {
      active -= is_active(tail);
    }
    if (active < min_active_days_) continue;
    if (is_training && IsHeldOut(series, anchor)) continue;
    anchors.push_back(anchor);
  }
}

void SampleRule::Labels(const Series& series, int32_t anchor, std::span<float> labels) const {
  const RowRange rows = RowsBetween(series.days, anchor + 1, anchor + horizon_days_);
  for (size_t task = 0; task < labels_.size(); ++task) {
    double total = 0;
    uint32_t nonzero_days = 0;
    for (size_t row = rows.first; row < rows.last; ++row) {
      const float value = series.Row(row)[labels_[task].column];
      if (std::isnan(value)) continue;
      total += value;
      nonzero_days += value > 0 ? 1 : 0;
    }
    switch (labels_[task].aggregate) {
      case conf::SUM:
        labels[task] = static_cast<float>(total);
        break;
      case conf::DAYS_NONZERO:
        labels[task] = static_cast<float>(nonzero_days);
        break;
      case conf::ANY_NONZERO:
        labels[task] = nonzero_days > 0 ? 1.0F : 0.0F;
        break;
    }
  }
}

}  // namespace caravan::data
