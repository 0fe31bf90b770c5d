#include "model/lane_plan.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"
#include "glog/logging.h"

namespace caravan::model {
namespace {

constexpr size_t kDepthMax = 64;

}  // namespace

size_t LanePlan::SlotsMax(uint32_t samples) { return 2 * LaneStride(PaddedLanes(samples)); }

LanePlan::LanePlan(uint32_t samples_max) {
  row_of_.resize(samples_max);
  counts_.reserve(samples_max);
  table_.resize(2 * std::bit_ceil(std::max(samples_max, 1U)));
  next_lane_.reserve(samples_max);
  filled_.reserve(samples_max);
  slots_.reserve(SlotsMax(samples_max));
}

void LanePlan::Find(uint32_t samples, std::span<const std::span<const uint32_t>> fields) {
  CHECK_LE(samples, row_of_.size());
  samples_ = samples;
  counts_.clear();
  std::ranges::fill(table_, kNoSample);
  const size_t mask = table_.size() - 1;
  for (uint32_t sample = 0; sample < samples; ++sample) {
    uint64_t hash = 0;
    for (const auto& rows : fields) hash = CombineHash(hash, rows[sample]);
    const auto equal = [&](uint32_t other) {
      return std::ranges::all_of(fields, [&](auto rows) { return rows[other] == rows[sample]; });
    };
    size_t at = hash & mask;
    while (table_[at] != kNoSample && !equal(table_[at])) at = (at + 1) & mask;
    if (table_[at] == kNoSample) {
      table_[at] = sample;
      row_of_[sample] = static_cast<uint32_t>(counts_.size());
      counts_.push_back(0);
    } else {
      row_of_[sample] = row_of_[table_[at]];
    }
    ++counts_[row_of_[sample]];
  }
}

size_t LanePlan::LanesOfDepth(size_t depth) const {
  size_t lanes = 0;
  for (const uint32_t count : counts_) lanes += (count + depth - 1) / depth;
  return PaddedLanes(lanes);
}

size_t LanePlan::BestDepth(double lane_cost, double sample_cost) const {
  size_t best = 1;
  double least = static_cast<double>(LanesOfDepth(1)) * (lane_cost + sample_cost);
  for (size_t depth = 2; depth <= kDepthMax; ++depth) {
    const size_t lanes = LanesOfDepth(depth);
    if (LaneStride(lanes) * depth > SlotsMax(samples_)) continue;
    const double cost =
        static_cast<double>(lanes) * (lane_cost + sample_cost * static_cast<double>(depth));
    if (cost < least) {
      least = cost;
      best = depth;
    }
  }
  return best;
}

Lanes LanePlan::Arrange(size_t depth) {
  const size_t count = LanesOfDepth(depth);
  slots_.assign(depth * count, kNoSample);
  next_lane_.assign(counts_.size(), kNoSample);
  filled_.assign(counts_.size(), 0);
  uint32_t lanes = 0;
  for (uint32_t sample = 0; sample < samples_; ++sample) {
    const uint32_t row = row_of_[sample];
    if (filled_[row] % depth == 0) next_lane_[row] = lanes++;
    slots_[filled_[row] % depth * count + next_lane_[row]] = sample;
    ++filled_[row];
  }
  return {.count = count, .depth = depth, .samples = slots_};
}

Lanes LanePlan::OnePerSample() {
  const size_t count = PaddedLanes(samples_);
  slots_.assign(count, kNoSample);
  for (uint32_t sample = 0; sample < samples_; ++sample) slots_[sample] = sample;
  return {.count = count, .depth = 1, .samples = slots_};
}

}  // namespace caravan::model
