#include "data/world/label_law.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "data/world/poisson.h"

namespace caravan::data {
namespace {

LabelLaw DaysLaw(std::span<const double> rates) {
  LabelLaw law;
  std::vector<double> chances = {1};  // of so many days, among the days so far
  for (const double rate : rates) {
    const double any = -std::expm1(-rate);
    law.mean += any;
    chances.push_back(0);
    for (size_t days = chances.size() - 1; days > 0; --days) {
      chances[days] = chances[days] * (1 - any) + chances[days - 1] * any;
    }
    chances[0] *= 1 - any;
  }
  double below = 0;
  for (size_t days = 0; days < chances.size(); ++days) {
    below += chances[days];
    law.median = static_cast<double>(days);
    if (below >= 0.5) break;
  }
  return law;
}

}  // namespace

LabelLaw LawOf(conf::Aggregate aggregate, std::span<const double> rates) {
  const double sum = std::accumulate(rates.begin(), rates.end(), 0.0);
  switch (aggregate) {
    case conf::SUM:
      return {.mean = sum, .median = static_cast<double>(PoissonMedian(sum))};
    case conf::DAYS_NONZERO:
      return DaysLaw(rates);
    case conf::ANY_NONZERO:
      break;
  }
  const double any = -std::expm1(-sum);
  return {.mean = any, .median = any > 0.5 ? 1.0 : 0.0};
}

}  // namespace caravan::data
