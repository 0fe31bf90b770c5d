#include "data/dense_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace caravan::data {
namespace {

constexpr std::string_view kTotal = ".total_";

}  // namespace

std::vector<uint32_t> DenseWindows(const conf::Data& data) {
  if (!data.dense_features()) return {};
  std::set<uint32_t> windows;
  for (const uint32_t days : data.dense_windows()) {
    if (days > 0) windows.insert(std::min(days, data.history_days()));
  }
  if (windows.empty()) {
    for (const uint32_t days : {7U, 28U}) windows.insert(std::min(days, data.history_days()));
  }
  return {windows.begin(), windows.end()};
}

std::string DenseName(const DenseFeature& feature) {
  return fmt::format("{}{}{}", feature.field, kTotal, feature.days);
}

absl::StatusOr<DenseFeature> ParseDenseName(const std::string& name) {
  const size_t at = name.rfind(kTotal);
  DenseFeature feature;
  if (at != std::string::npos) {
    const char* begin = name.data() + at + kTotal.size();
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(begin, end, feature.days);
    if (error == std::errc() && stop == end && feature.days > 0) {
      feature.field = name.substr(0, at);
      return feature;
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no dense feature; field.total_DAYS is", name));
}

float DenseValue(double total) {
  return static_cast<float>(std::copysign(std::log1p(std::abs(total)), total));
}

double Total(std::span<const float> values) {
  double total = 0;
  for (const float value : values) {
    if (!std::isnan(value)) total += value;
  }
  return total;
}

}  // namespace caravan::data
