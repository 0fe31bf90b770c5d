// The world is as its description says, within what chance allows: bounds are five standard
// deviations of what is measured.
#include "data/world/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <vector>

#include "data/world/world_file.h"

namespace caravan::data {
namespace {

constexpr double kScale = 0.005;  // 9,150 advertisers

conf::World Shipped() { return LoadWorld("conf/synth/world.txtpb").value(); }

// Only levels: no drift, no campaign, no season.
conf::World Steady() {
  conf::World world = Shipped();
  for (conf::Measure& measure : *world.mutable_measures()) measure.set_drift(0);
  for (conf::WorldScenario& scenario : *world.mutable_scenarios()) {
    scenario.set_campaign_chance(0);
    scenario.set_weekend(1);
  }
  for (conf::Industry& industry : *world.mutable_industries()) {
    industry.set_year_amplitude(0);
    industry.set_weekend(1);
  }
  return world;
}

std::vector<double> RatesOn(const World& world, Advertiser advertiser, int32_t day) {
  std::vector<double> rates(size_t{world.scenarios()} * world.columns());
  world.Rates(advertiser, day, rates);
  return rates;
}

// An advertiser with the profile and levels of `index` that is everywhere, always.
Advertiser Always(const World& world, uint64_t index) {
  Advertiser advertiser = world.AdvertiserAt(index);
  advertiser.first_day = 0;
  advertiser.last_day = world.days();
  advertiser.scenarios = (uint64_t{1} << world.scenarios()) - 1;
  return advertiser;
}

TEST(WorldTest, ScenariosAndIndustriesHaveTheirShares) {
  const World world(Shipped(), 1, kScale);
  const auto advertisers = static_cast<double>(world.advertisers());
  std::vector<double> members(world.scenarios(), 0);
  std::vector<double> of_industry(5, 0);
  double memberships = 0;
  for (uint64_t i = 0; i < world.advertisers(); ++i) {
    const Advertiser advertiser = world.AdvertiserAt(i);
    EXPECT_NE(advertiser.scenarios, 0U);
    memberships += std::popcount(advertiser.scenarios);
    for (uint32_t s = 0; s < world.scenarios(); ++s) members[s] += advertiser.IsIn(s) ? 1 : 0;
    ++of_industry[advertiser.industry];
  }
  EXPECT_NEAR(memberships / advertisers, 1.25, 5 * 0.5 / std::sqrt(advertisers));
  for (uint32_t s = 0; s < world.scenarios(); ++s) {
    const double share = world.description().scenarios(static_cast<int>(s)).share();
    EXPECT_NEAR(members[s] / memberships, share, 5 * std::sqrt(share * (1 - share) / memberships))
        << s;
  }
  for (int i = 0; i < 5; ++i) {
    const double share = world.description().industries(i).share();
    EXPECT_NEAR(of_industry[i] / advertisers, share,
                5 * std::sqrt(share * (1 - share) / advertisers));
  }
}

// The deviation of a correlation r of n pairs of normals is about (1 - r^2) / sqrt(n).
TEST(WorldTest, LogRatesCorrelateBetweenScenariosAsTheWorldSays) {
  const World world(Shipped(), 1, kScale);
  const uint32_t n = world.scenarios();
  for (const int32_t day : {0, 47}) {
    std::vector<double> sums(size_t{world.measures()} * n, 0);
    std::vector<double> products(size_t{world.measures()} * n * n, 0);
    std::vector<double> logs(size_t{world.measures()} * n);
    const auto count = static_cast<double>(world.advertisers());
    for (uint64_t i = 0; i < world.advertisers(); ++i) {
      world.LogLevels(world.AdvertiserAt(i), day, logs);
      for (size_t at = 0; at < logs.size(); ++at) {
        sums[at] += logs[at];
        const size_t measure = at / n;
        for (uint32_t s = 0; s < n; ++s) products[at * n + s] += logs[at] * logs[measure * n + s];
      }
    }
    for (uint32_t m = 0; m < world.measures(); ++m) {
      const conf::Measure& measure = world.description().measures(static_cast<int>(m));
      const auto covariance = [&](size_t s, size_t t) {
        return products[(m * n + s) * n + t] / count -
               sums[m * n + s] / count * sums[m * n + t] / count;
      };
      for (uint32_t s = 0; s < n; ++s) {
        const double variance =
            measure.spread() * measure.spread() + measure.drift() * measure.drift();
        EXPECT_NEAR(covariance(s, s), variance, 5 * variance * std::sqrt(2 / count));
        for (uint32_t t = 0; t < s; ++t) {
          const double wanted =
              measure.correlations(static_cast<int>(s)).values(static_cast<int>(t));
          const double found = covariance(s, t) / std::sqrt(covariance(s, s) * covariance(t, t));
          EXPECT_NEAR(found, wanted, 5 * (1 - wanted * wanted) / std::sqrt(count))
              << measure.name() << " " << s << " " << t << " day " << day;
        }
      }
    }
  }
}

TEST(WorldTest, ASmallerWorldIsTheBeginningOfALargerOne) {
  const World small(Shipped(), 5, 0.00001);
  const World large(Shipped(), 5, 0.01);
  ASSERT_EQ(small.advertisers(), 18U);
  for (uint64_t i = 0; i < small.advertisers(); ++i) {
    const Advertiser one = small.AdvertiserAt(i);
    const Advertiser other = large.AdvertiserAt(i);
    EXPECT_EQ(one.last_day, other.last_day);
    EXPECT_EQ(one.scenarios, other.scenarios);
    EXPECT_EQ(RatesOn(small, one, one.first_day), RatesOn(large, other, one.first_day));
  }
  EXPECT_EQ(large.EntityIndex(World::EntityName(18)), 18U);
  EXPECT_FALSE(small.EntityIndex(World::EntityName(18)).has_value());
  EXPECT_FALSE(large.EntityIndex("a18").has_value());
  EXPECT_FALSE(large.EntityIndex("e000000018").has_value());
}

TEST(WorldTest, SeedsDiffer) {
  const World one(Shipped(), 1, kScale);
  const World other(Shipped(), 2, kScale);
  EXPECT_NE(RatesOn(one, Always(one, 3), 60), RatesOn(other, Always(other, 3), 60));
}

// 2020-09-01, day 0, was a Tuesday: day 4 is a Saturday.
TEST(WorldTest, WeekendsAndTheYearAreInTheRates) {
  conf::World description = Steady();
  for (conf::Industry& industry : *description.mutable_industries()) industry.set_weekend(0.5);
  description.mutable_scenarios(1)->set_weekend(0.8);
  const World world(description, 1, kScale);
  const Advertiser advertiser = Always(world, 0);
  for (int32_t week = 0; week < 3; ++week) {
    const std::vector<double> friday = RatesOn(world, advertiser, 7 * week + 3);
    const std::vector<double> saturday = RatesOn(world, advertiser, 7 * week + 4);
    const std::vector<double> sunday = RatesOn(world, advertiser, 7 * week + 5);
    const std::vector<double> monday = RatesOn(world, advertiser, 7 * week + 6);
    for (uint32_t column = 0; column < world.columns(); ++column) {
      const size_t second = world.columns() + column;
      EXPECT_NEAR(saturday[column] / friday[column], 0.5, 1e-9);
      EXPECT_NEAR(sunday[second] / monday[second], 0.4, 1e-9);
      EXPECT_NEAR(friday[column], monday[column], 1e-9 * friday[column]);
    }
  }
  // Day of the year 316 is 2020-11-11, day 71, a Wednesday, but for the quarter days of a year.
  for (conf::Industry& industry : *description.mutable_industries()) {
    industry.set_year_amplitude(0.5);
    industry.set_year_peak_day(316);
  }
  const World yearly(description, 1, kScale);
  int32_t highest = 0;
  std::vector<double> rates;
  for (int32_t day = 0; day < yearly.days(); ++day) {
    if (day % 7 == 4 || day % 7 == 5) continue;
    if (RatesOn(yearly, advertiser, day)[0] > RatesOn(yearly, advertiser, highest)[0]) {
      highest = day;
    }
  }
  EXPECT_NEAR(highest, 71, 2);
  EXPECT_NEAR(RatesOn(yearly, advertiser, highest)[0] / RatesOn(world, advertiser, highest)[0],
              std::exp(0.5), 0.01);
}

TEST(WorldTest, CampaignsBeginAndEndAndBehaviourLeadsThem) {
  conf::World description = Steady();
  conf::WorldScenario& scenario = *description.mutable_scenarios(0);
  scenario.set_campaign_chance(0.5);
  scenario.set_campaign_days(10);
  scenario.set_campaign_factor(4);
  scenario.set_campaign_spread(0);
  for (conf::Measure& measure : *description.mutable_measures()) measure.set_campaign_effect(1);
  const World world(description, 1, kScale);
  const uint32_t edits = world.measures();  // the first behaviour: lead_days 4, lead_factor 5
  int advertisers_days = 0;
  int running = 0;
  int leading = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    const Advertiser advertiser = Always(world, i);
    std::vector<double> views;
    std::vector<double> edited;
    for (int32_t day = 0; day < world.days(); ++day) {
      const std::vector<double> rates = RatesOn(world, advertiser, day);
      views.push_back(rates[0]);
      edited.push_back(rates[edits]);
    }
    const double base = *std::ranges::min_element(views);
    const double calm = *std::ranges::min_element(edited);
    for (int32_t day = 1; day < world.days(); ++day) {
      const double factor = views[day] / base;
      EXPECT_TRUE(std::abs(factor - 1) < 1e-9 || std::abs(factor - 4) < 1e-9 ||
                  std::abs(factor - 16) < 1e-9)
          << factor;
      ++advertisers_days;
      running += factor > 2 ? 1 : 0;
      if (views[day] > 2 * views[day - 1]) {
        ++leading;
        EXPECT_NEAR(edited[day - 1] / calm, 5, 1e-9) << "the day before a campaign";
      }
    }
  }
  // One of 10 days in every second slot of 30, seldom two at once.
  EXPECT_NEAR(static_cast<double>(running) / advertisers_days, 0.5 * 10 / 30, 0.02);
  EXPECT_GT(leading, 400);
}

TEST(WorldTest, ALateScenarioAndALifeHaveTheirDays) {
  const World world(Shipped(), 1, kScale);
  const Advertiser always = Always(world, 1);
  const size_t late = size_t{4} * world.columns();
  EXPECT_EQ(RatesOn(world, always, 34)[late], 0);
  EXPECT_GT(RatesOn(world, always, 35)[late], 0);
  EXPECT_GT(RatesOn(world, always, 34)[0], 0);

  std::map<int32_t, double> living;
  for (uint64_t i = 0; i < world.advertisers(); ++i) {
    const Advertiser advertiser = world.AdvertiserAt(i);
    for (const int32_t day : {0, 60, 91}) living[day] += advertiser.LivesOn(day) ? 1 : 0;
    const std::vector<double> after = RatesOn(world, advertiser, advertiser.last_day + 1);
    EXPECT_EQ(std::ranges::max(after), 0);
    if (advertiser.first_day > 0) {
      EXPECT_EQ(std::ranges::max(RatesOn(world, advertiser, advertiser.first_day - 1)), 0);
    }
  }
  // 150 of 150 + 92 live at any time.
  for (const auto& [day, count] : living) {
    EXPECT_NEAR(count / static_cast<double>(world.advertisers()), 150.0 / 242, 0.025) << day;
  }
}

TEST(WorldTest, ASizeBandTellsOfTheLevels) {
  const World world(Shipped(), 1, kScale);
  std::vector<double> sums(8, 0);
  std::vector<double> counts(8, 0);
  std::vector<double> logs(size_t{world.measures()} * world.scenarios());
  for (uint64_t i = 0; i < world.advertisers(); ++i) {
    const Advertiser advertiser = world.AdvertiserAt(i);
    world.LogLevels(advertiser, 0, logs);
    for (const double log : logs) sums[advertiser.size_band] += log;
    counts[advertiser.size_band] += static_cast<double>(logs.size());
  }
  for (int band = 1; band < 8; ++band) {
    EXPECT_GT(sums[band] / counts[band], sums[band - 1] / counts[band - 1] + 0.05);
    EXPECT_NEAR(counts[band], counts[0], 0.2 * counts[0]);
  }
}

}  // namespace
}  // namespace caravan::data
