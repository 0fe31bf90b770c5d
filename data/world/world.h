// The synthetic world: who there is, and the true rate of everything that happens. All of it is a
// function of (world, seed, advertiser, day): nothing is stored, so tables are written and rates
// are asked for in any order, by any number of threads, in memory that does not grow with the
// scale. docs/synthetic_world.md has the equations. Pure.
#ifndef CARAVAN_DATA_WORLD_WORLD_H_
#define CARAVAN_DATA_WORLD_WORLD_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "conf/world.pb.h"

namespace caravan::data {

// Days count from the world's first day.
struct Advertiser {
  uint64_t index = 0;
  int32_t first_day = 0;  // of its life, as far as that is within the world
  int32_t last_day = 0;   // included; may lie behind the world's last day
  uint32_t industry = 0;
  uint32_t region = 0;
  uint32_t size_band = 0;
  uint64_t scenarios = 0;  // bit s: it is in scenario s

  bool IsIn(uint32_t scenario) const { return (scenarios >> scenario & 1) != 0; }
  bool LivesOn(int32_t day) const { return first_day <= day && day <= last_day; }
};

// A value type; const calls from any thread.
class World {
 public:
  // `description`: as LoadWorld gives it. scale > 0.
  World(conf::World description, uint64_t seed, double scale);

  const conf::World& description() const { return description_; }
  uint64_t seed() const { return seed_; }
  double scale() const { return scale_; }
  uint64_t advertisers() const { return advertisers_; }
  uint32_t scenarios() const { return static_cast<uint32_t>(description_.scenarios_size()); }
  uint32_t measures() const { return static_cast<uint32_t>(description_.measures_size()); }
  // Daily columns: the measures, then the behaviours.
  uint32_t columns() const {
    return measures() + static_cast<uint32_t>(description_.behaviours_size());
  }
  int32_t days() const { return static_cast<int32_t>(description_.days()); }
  int32_t first_day() const { return first_day_; }  // days since 1970-01-01

  // index < advertisers(); the same at every scale.
  Advertiser AdvertiserAt(uint64_t index) const;

  // Level and drift on a day, the part of the log of the rates that correlates between scenarios as
  // the world says: logs [measures, scenarios], in every scenario, whether the advertiser is in it.
  void LogLevels(const Advertiser& advertiser, int32_t day, std::span<double> logs) const;

  // The true rates of a day: rates [scenarios, columns]; 0 where the advertiser is not in the
  // scenario, does not live, or the scenario has not begun.
  void Rates(const Advertiser& advertiser, int32_t day, std::span<double> rates) const;

  // What happened: a Poisson draw of each rate. rates, counts: [columns].
  void Draw(const Advertiser& advertiser, uint32_t scenario, int32_t day,
            std::span<const double> rates, std::span<uint64_t> counts) const;

  static std::string EntityName(uint64_t index);
  // The inverse; nothing for a name of nobody in this world.
  std::optional<uint64_t> EntityIndex(std::string_view name) const;

 private:
  enum class Purpose : uint64_t;

  RandomStream Stream(Purpose purpose, uint64_t index, uint64_t label = 0) const;
  uint64_t DrawScenarios(uint64_t index) const;
  void Sizes(uint64_t index, std::span<double> sizes) const;
  void AddDrift(const Advertiser& advertiser, int32_t knot, double weight,
                std::span<double> normals) const;
  double SeasonLog(uint32_t industry, uint32_t scenario, int32_t day) const;

  conf::World description_;
  uint64_t seed_;
  double scale_;
  uint64_t advertisers_;
  int32_t first_day_;
  double membership_;                         // chance of a scenario / its share
  std::vector<std::vector<double>> factors_;  // by measure: L, [scenarios, scenarios]
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WORLD_WORLD_H_
