#include "data/dense_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

namespace caravan::data {
namespace {

constexpr std::pair<DenseStatistic, std::string_view> kStatistics[] = {
    {DenseStatistic::kTotal, ".total_"}, {DenseStatistic::kDaysNonzero, ".nonzero_"}};

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
  const auto* statistic = std::ranges::find(kStatistics, feature.statistic,
                                            &std::pair<DenseStatistic, std::string_view>::first);
  return fmt::format("{}{}{}", feature.field, statistic->second, feature.days);
}

absl::StatusOr<DenseFeature> ParseDenseName(const std::string& name) {
  for (const auto& [statistic, text] : kStatistics) {
    const size_t at = name.rfind(text);
    if (at == std::string::npos) continue;
    DenseFeature feature{.field = name.substr(0, at), .statistic = statistic};
    const char* begin = name.data() + at + text.size();
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(begin, end, feature.days);
    if (error == std::errc() && stop == end && feature.days > 0) return feature;
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no dense feature; field.total_DAYS and field.nonzero_DAYS are", name));
}

float DenseValue(double total) {
  return static_cast<float>(std::copysign(std::log1p(std::abs(total)), total));
}

double DenseShare(DenseStatistic statistic, float value) {
  if (std::isnan(value)) return 0;
  return statistic == DenseStatistic::kTotal ? value : static_cast<double>(value != 0);
}

double DenseSum(DenseStatistic statistic, std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += DenseShare(statistic, value);
  return sum;
}

}  // namespace caravan::data
