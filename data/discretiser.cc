#include "data/discretiser.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace caravan::data {

void BucketLearner::Add(float value) {
  if (std::isnan(value) || value == 0) return;
  constexpr int kDroppedBits = 12;  // of the 23 of the mantissa
  const auto [found, added] = bins_.try_emplace(std::bit_cast<uint32_t>(value) >> kDroppedBits);
  Bin& bin = found->second;
  bin.largest = added ? value : std::max(bin.largest, value);
  ++bin.count;
  ++count_;
}

std::vector<float> BucketLearner::Bounds(uint32_t buckets) const {
  std::vector<Bin> ordered;
  ordered.reserve(bins_.size());
  for (const auto& [bits, bin] : bins_) ordered.push_back(bin);
  std::sort(ordered.begin(), ordered.end(),
            [](const Bin& a, const Bin& b) { return a.largest < b.largest; });
  std::vector<float> bounds;
  uint64_t below = 0;
  uint64_t quantile = 1;
  for (size_t i = 0; i + 1 < ordered.size() && quantile < buckets; ++i) {
    below += ordered[i].count;
    // The bin holds quantile q when below >= q/buckets of all.
    if (below * buckets < quantile * count_) continue;
    bounds.push_back(ordered[i].largest);
    quantile = below * buckets / count_ + 1;
  }
  bounds.push_back(std::numeric_limits<float>::infinity());
  return bounds;
}

uint32_t NumericValueId(const conf::Field& field, float value) {
  if (std::isnan(value)) return kMissingId;
  if (value == 0) return kZeroId;
  const auto bucket = std::lower_bound(field.bounds().begin(), field.bounds().end(), value);
  return kFirstValueId + static_cast<uint32_t>(bucket - field.bounds().begin());
}

CategoryIds::CategoryIds(const conf::Field& field) {
  for (const std::string& category : field.categories()) {
    ids_.emplace(category, kFirstValueId + static_cast<uint32_t>(ids_.size()));
  }
}

uint32_t CategoryIds::operator()(std::string_view category) const {
  if (category.empty()) return kMissingId;
  const auto found = ids_.find(std::string(category));
  return found == ids_.end() ? kUnseenId : found->second;
}

conf::Field NumericField(conf::FieldGroup group, const std::string& name,
                         std::span<const float> bounds) {
  conf::Field field;
  field.set_name(name);
  field.set_group(group);
  field.set_values(kFirstValueId + static_cast<uint32_t>(bounds.size()));
  field.mutable_bounds()->Assign(bounds.begin(), bounds.end());
  return field;
}

conf::Field CategoricalField(conf::FieldGroup group, const std::string& name,
                             std::span<const std::string> categories) {
  conf::Field field;
  field.set_name(name);
  field.set_group(group);
  field.set_values(kFirstValueId + static_cast<uint32_t>(categories.size()));
  field.mutable_categories()->Assign(categories.begin(), categories.end());
  return field;
}

}  // namespace caravan::data
