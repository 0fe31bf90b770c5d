#include "data/world/world.h"

#include <fmt/format.h>
#include <glog/logging.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/hash.h"
#include "data/calendar.h"
#include "data/world/campaigns.h"
#include "data/world/correlation.h"
#include "data/world/poisson.h"

namespace caravan::data {
namespace {

// Counts stay whole in the single precision of labels.
constexpr double kRateMax = 1e7;
constexpr double kYearDays = 365.25;

// Index of the share that `at` in [0, 1) falls in.
template <typename Shares>
uint32_t PickByShare(const Shares& shares, double at) {
  uint32_t picked = 0;
  uint32_t last = 0;
  for (const auto& one : shares) {
    if (one.share() > 0) last = picked;
    if (at < one.share()) return picked;
    at -= one.share();
    ++picked;
  }
  return last;  // what rounding leaves behind the last share
}

// What an advertiser's chance of a scenario is, divided by the scenario's share: each is in a
// scenario with that chance, and who would be in none is put in one, drawn by the shares. Then
// scenarios have exactly their shares of the memberships, and there are membership + P(none) of
// them an advertiser, which grows with membership.
double Membership(const conf::World& world) {
  const auto mean_of = [&](double membership) {
    double none = 1;
    for (const conf::WorldScenario& one : world.scenarios()) none *= 1 - membership * one.share();
    return membership + none;
  };
  double low = 0;
  double high = world.scenarios_per_advertiser();
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (mean_of(middle) < world.scenarios_per_advertiser() ? low : high) = middle;
  }
  return low;
}

bool IsWeekend(int32_t day_since_1970) {
  // 1970-01-01 was a Thursday: 2 and 3 days behind it a week's Saturday and Sunday.
  const int32_t day_of_week = ((day_since_1970 % 7) + 7) % 7;
  return day_of_week == 2 || day_of_week == 3;
}

// An exponential length of mean `mean` in whole days, cut off far beyond any world.
int32_t DrawDays(double mean, RandomStream& stream) {
  const double length = -mean * std::log1p(-static_cast<double>(stream.NextUniform()));
  return static_cast<int32_t>(std::min(length, 1e6));
}

}  // namespace

enum class World::Purpose : uint64_t {
  kLife = 1,
  kProfile,
  kScenarios,
  kSize,
  kLevel,
  kDrift,
  kCampaign,
  kCount,
};

World::World(conf::World description, uint64_t seed, double scale)
    : description_(std::move(description)),
      seed_(seed),
      scale_(scale),
      advertisers_(static_cast<uint64_t>(std::max<int64_t>(
          std::llround(static_cast<double>(description_.advertisers()) * scale), 1))),
      first_day_(ParseDate(description_.first_day()).value_or(0)),
      membership_(Membership(description_)) {
  for (const conf::Measure& measure : description_.measures()) {
    std::vector<double> matrix;
    for (const conf::CorrelationRow& row : measure.correlations()) {
      matrix.insert(matrix.end(), row.values().begin(), row.values().end());
    }
    std::optional<std::vector<double>> factor = CholeskyFactor(matrix, scenarios());
    CHECK(factor.has_value()) << "LoadWorld lets no such matrix pass";
    factors_.push_back(*std::move(factor));
  }
}

RandomStream World::Stream(Purpose purpose, uint64_t index, uint64_t label) const {
  return RandomStream(CombineHash(seed_, static_cast<uint64_t>(purpose)), index, label);
}

uint64_t World::DrawScenarios(uint64_t index) const {
  RandomStream stream = Stream(Purpose::kScenarios, index);
  uint64_t in = 0;
  for (uint32_t s = 0; s < scenarios(); ++s) {
    const double chance = membership_ * description_.scenarios(static_cast<int>(s)).share();
    if (stream.NextUniform() < chance) in |= uint64_t{1} << s;
  }
  if (in == 0) in = uint64_t{1} << PickByShare(description_.scenarios(), stream.NextUniform());
  return in;
}

// The sizes in each scenario, independent standard normals: sizes [scenarios].
void World::Sizes(uint64_t index, std::span<double> sizes) const {
  RandomStream stream = Stream(Purpose::kSize, index);
  for (double& size : sizes) size = stream.NextNormal();
}

Advertiser World::AdvertiserAt(uint64_t index) const {
  Advertiser advertiser{.index = index, .scenarios = DrawScenarios(index)};
  // As many are born as die: life / (life + days) of those who ever live within the world do so on
  // its first day, and what is left of an exponential life is as long as a life.
  RandomStream life = Stream(Purpose::kLife, index);
  const double life_days = description_.life_days();
  if (life.NextUniform() >= life_days / (life_days + days())) {
    advertiser.first_day = static_cast<int32_t>(life.NextBelow(static_cast<uint64_t>(days())));
  }
  advertiser.last_day = advertiser.first_day + DrawDays(life_days, life);

  RandomStream profile = Stream(Purpose::kProfile, index);
  advertiser.industry = PickByShare(description_.industries(), profile.NextUniform());
  advertiser.region =
      static_cast<uint32_t>(profile.NextBelow(static_cast<uint64_t>(description_.regions_size())));
  // The sizes' sum, scaled to a standard normal; seen through noise; its rank among all.
  std::vector<double> sizes(scenarios());
  Sizes(index, sizes);
  double size = 0;
  for (const double one : sizes) size += one / std::sqrt(static_cast<double>(sizes.size()));
  const double seen = description_.size_in_band();
  const double view = seen * size + std::sqrt(1 - seen * seen) * profile.NextNormal();
  const double rank = 0.5 * std::erfc(-view / std::numbers::sqrt2);
  const uint32_t bands = description_.size_bands();
  advertiser.size_band = std::min(static_cast<uint32_t>(rank * bands), bands - 1);
  return advertiser;
}

// Adds weight x the drift's state at a knot to normals [measures, scenarios].
void World::AddDrift(const Advertiser& advertiser, int32_t knot, double weight,
                     std::span<double> normals) const {
  RandomStream stream = Stream(Purpose::kDrift, advertiser.index, static_cast<uint64_t>(knot));
  for (uint32_t m = 0; m < measures(); ++m) {
    const double scaled = weight * description_.measures(static_cast<int>(m)).drift();
    for (uint32_t s = 0; s < scenarios(); ++s) {
      normals[size_t{m} * scenarios() + s] += scaled * stream.NextNormal();
    }
  }
}

void World::LogLevels(const Advertiser& advertiser, int32_t day, std::span<double> logs) const {
  const uint32_t n = scenarios();
  std::vector<double> sizes(n);
  Sizes(advertiser.index, sizes);
  // x = spread (a size + sqrt(1 - a^2) e) + drift w(day): independent over scenarios.
  const double a = description_.size_in_levels();
  RandomStream own = Stream(Purpose::kLevel, advertiser.index);
  for (uint32_t m = 0; m < measures(); ++m) {
    const double spread = description_.measures(static_cast<int>(m)).spread();
    for (uint32_t s = 0; s < n; ++s) {
      logs[size_t{m} * n + s] = spread * (a * sizes[s] + std::sqrt(1 - a * a) * own.NextNormal());
    }
  }
  // Between two knots w turns from the one's state to the other's; its variance is 1 on the way.
  const auto knot_days = static_cast<int32_t>(description_.drift_days());
  const int32_t knot = day / knot_days;
  const double angle = std::numbers::pi / 2 * (day % knot_days) / knot_days;
  AddDrift(advertiser, knot, std::cos(angle), logs);
  AddDrift(advertiser, knot + 1, std::sin(angle), logs);
  // logs = L x, from the last row up, since row s needs x of the rows before it.
  for (uint32_t m = 0; m < measures(); ++m) {
    const std::span<double> x = logs.subspan(size_t{m} * n, n);
    for (uint32_t s = n; s-- > 0;) {
      double mixed = 0;
      for (uint32_t k = 0; k <= s; ++k) mixed += factors_[m][size_t{s} * n + k] * x[k];
      x[s] = mixed;
    }
  }
}

double World::SeasonLog(uint32_t industry, uint32_t scenario, int32_t day) const {
  const conf::Industry& of = description_.industries(static_cast<int>(industry));
  const double phase = (first_day_ + day) / kYearDays;  // days since 1970-01-01, in years
  const double peak = (of.year_peak_day() - 1) / kYearDays;
  double log = of.year_amplitude() * std::cos(2 * std::numbers::pi * (phase - peak));
  if (IsWeekend(first_day_ + day)) {
    log += std::log(of.weekend()) +
           std::log(description_.scenarios(static_cast<int>(scenario)).weekend());
  }
  return log;
}

void World::Rates(const Advertiser& advertiser, int32_t day, std::span<double> rates) const {
  std::ranges::fill(rates, 0.0);
  if (!advertiser.LivesOn(day)) return;
  std::vector<double> logs(size_t{measures()} * scenarios());
  LogLevels(advertiser, day, logs);
  std::vector<double> sizes(scenarios());
  Sizes(advertiser.index, sizes);
  for (uint32_t s = 0; s < scenarios(); ++s) {
    const conf::WorldScenario& scenario = description_.scenarios(static_cast<int>(s));
    if (!advertiser.IsIn(s) || day < static_cast<int32_t>(scenario.begins_after_days())) continue;
    const double season = SeasonLog(advertiser.industry, s, day);
    RandomStream campaign_seed = Stream(Purpose::kCampaign, advertiser.index, s);
    const CampaignsAround campaigns(scenario, campaign_seed.NextBits(), day);
    const double campaign = campaigns.LogFactor();
    const std::span<double> row = rates.subspan(size_t{s} * columns(), columns());
    for (uint32_t m = 0; m < measures(); ++m) {
      const conf::Measure& measure = description_.measures(static_cast<int>(m));
      row[m] = measure.per_day() * scenario.level() *
               std::exp(logs[size_t{m} * scenarios() + s] + season +
                        measure.campaign_effect() * campaign);
    }
    for (uint32_t b = 0; b < columns() - measures(); ++b) {
      const conf::Behaviour& behaviour = description_.behaviours(static_cast<int>(b));
      const bool leads = campaigns.BeginsWithin(behaviour.lead_days());
      row[measures() + b] = behaviour.per_day() * (leads ? behaviour.lead_factor() : 1) *
                            std::exp(behaviour.size_effect() * sizes[s] + season);
    }
    for (double& rate : row) rate = std::min(rate, kRateMax);
  }
}

void World::Draw(const Advertiser& advertiser, uint32_t scenario, int32_t day,
                 std::span<const double> rates, std::span<uint64_t> counts) const {
  RandomStream stream = Stream(Purpose::kCount, advertiser.index,
                               (uint64_t{scenario} << 32) | static_cast<uint32_t>(day));
  for (size_t column = 0; column < rates.size(); ++column) {
    counts[column] = DrawPoisson(rates[column], stream);
  }
}

std::string World::EntityName(uint64_t index) { return fmt::format("a{:09}", index); }

std::optional<uint64_t> World::EntityIndex(std::string_view name) const {
  uint64_t index = 0;
  if (!name.starts_with('a')) return std::nullopt;
  const auto parsed = std::from_chars(name.data() + 1, name.data() + name.size(), index);
  if (parsed.ec != std::errc() || index >= advertisers_ || EntityName(index) != name) {
    return std::nullopt;
  }
  return index;
}

}  // namespace caravan::data
