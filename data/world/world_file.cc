#include "data/world/world_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <vector>

#include "base/status_macros.h"
#include "conf/field_locations.h"
#include "conf/job_checks.h"
#include "conf/text_parser.h"
#include "data/calendar.h"
#include "data/split.h"
#include "data/world/correlation.h"

namespace caravan::data {
namespace {

constexpr int kScenariosMax = 64;
constexpr double kShareTolerance = 1e-6;
constexpr double kMatrixTolerance = 1e-9;
// What of job.data does not follow from the world.
constexpr std::string_view kFreeDataFields[] = {
    "history_days", "horizon_days",   "min_active_days", "active_window_days", "split",
    "buckets",      "dense_features", "dense_windows",   "hold_out",           "batch_locality"};

// The checks of one world; each returns the first thing that is wrong.
class Checker {
 public:
  Checker(const conf::World& world, const conf::FieldLocations& locations)
      : world_(world), locations_(locations) {}

  absl::Status Check() const {
    CARAVAN_RETURN_IF_ERROR(conf::CheckRanges(world_, locations_));
    if (!ParseDate(world_.first_day()).has_value()) {
      return Wrong("first_day",
                   fmt::format("is \"{}\"; a date YYYY-MM-DD is wanted", world_.first_day()));
    }
    CARAVAN_RETURN_IF_ERROR(CheckScenarios());
    CARAVAN_RETURN_IF_ERROR(CheckProfiles());
    CARAVAN_RETURN_IF_ERROR(CheckColumns());
    for (int i = 0; i < world_.measures_size(); ++i) CARAVAN_RETURN_IF_ERROR(CheckMatrix(i));
    return CheckJob();
  }

 private:
  absl::Status Wrong(const std::string& path, const std::string& what) const {
    return absl::InvalidArgumentError(fmt::format("{}: {} {}", locations_.Where(path), path, what));
  }

  // A name that needs no quotes in a CSV and that is not among `seen`.
  absl::Status CheckName(const std::string& path, const std::string& name,
                         std::set<std::string>& seen) const {
    const bool plain = std::ranges::all_of(name, [](unsigned char letter) {
      return std::isalnum(letter) != 0 || letter == '_' || letter == '-' || letter == ' ';
    });
    if (name.empty() || !plain) {
      return Wrong(path, fmt::format("is \"{}\"; letters, digits, spaces, _ and - are allowed, one "
                                     "at least",
                                     name));
    }
    if (!seen.insert(name).second) {
      return Wrong(path, fmt::format("is \"{}\", which there is already", name));
    }
    return absl::OkStatus();
  }

  // `shares`: a message with name() and share() each.
  template <typename Shares>
  absl::Status CheckShares(const std::string& path, const Shares& shares) const {
    double sum = 0;
    for (const auto& one : shares) sum += one.share();
    if (std::abs(sum - 1) > kShareTolerance) {
      return Wrong(path + "[0].share", fmt::format("and those behind it sum to {:.9g}; a sum of 1 "
                                                   "is needed",
                                                   sum));
    }
    return absl::OkStatus();
  }

  absl::Status CheckScenarios() const {
    const int count = world_.scenarios_size();
    if (count < 1 || count > kScenariosMax) {
      return Wrong("scenarios",
                   fmt::format("has {} entries; 1 to {} are allowed", count, kScenariosMax));
    }
    std::set<std::string> ids;
    std::set<std::string> names;
    double largest = 0;
    for (int i = 0; i < count; ++i) {
      const conf::WorldScenario& scenario = world_.scenarios(i);
      const std::string path = fmt::format("scenarios[{}]", i);
      CARAVAN_RETURN_IF_ERROR(CheckName(path + ".id", scenario.id(), ids));
      if (!scenario.name().empty()) {
        CARAVAN_RETURN_IF_ERROR(CheckName(path + ".name", scenario.name(), names));
      }
      if (scenario.begins_after_days() >= world_.days()) {
        return Wrong(path + ".begins_after_days",
                     fmt::format("is {}; less than days, {}, is allowed",
                                 scenario.begins_after_days(), world_.days()));
      }
      largest = std::max(largest, scenario.share());
    }
    CARAVAN_RETURN_IF_ERROR(CheckShares("scenarios", world_.scenarios()));
    // Nobody is in a scenario twice.
    if (world_.scenarios_per_advertiser() * largest > 1) {
      return Wrong("scenarios_per_advertiser",
                   fmt::format("is {}; with a scenario of share {} at most {:.6g} is possible",
                               world_.scenarios_per_advertiser(), largest, 1 / largest));
    }
    return absl::OkStatus();
  }

  absl::Status CheckProfiles() const {
    if (world_.industries().empty()) return Wrong("industries", "is empty; one at least is needed");
    if (world_.regions().empty()) return Wrong("regions", "is empty; one at least is needed");
    std::set<std::string> names;
    for (int i = 0; i < world_.industries_size(); ++i) {
      CARAVAN_RETURN_IF_ERROR(
          CheckName(fmt::format("industries[{}].name", i), world_.industries(i).name(), names));
    }
    std::set<std::string> regions;
    for (int i = 0; i < world_.regions_size(); ++i) {
      CARAVAN_RETURN_IF_ERROR(CheckName(fmt::format("regions[{}]", i), world_.regions(i), regions));
    }
    return CheckShares("industries", world_.industries());
  }

  absl::Status CheckColumns() const {
    if (world_.measures().empty()) return Wrong("measures", "is empty; one at least is needed");
    std::set<std::string> columns = {"date", "entity", "scenario"};
    bool has_active = false;
    for (int i = 0; i < world_.measures_size(); ++i) {
      const std::string& name = world_.measures(i).name();
      CARAVAN_RETURN_IF_ERROR(CheckName(fmt::format("measures[{}].name", i), name, columns));
      has_active = has_active || name == world_.active_measure();
    }
    for (int i = 0; i < world_.behaviours_size(); ++i) {
      CARAVAN_RETURN_IF_ERROR(
          CheckName(fmt::format("behaviours[{}].name", i), world_.behaviours(i).name(), columns));
    }
    if (!has_active) {
      return Wrong("active_measure", fmt::format("is \"{}\"; the name of a measure is needed",
                                                 world_.active_measure()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckMatrix(int measure) const {
    const auto& rows = world_.measures(measure).correlations();
    const int n = world_.scenarios_size();
    const std::string path = fmt::format("measures[{}].correlations", measure);
    if (rows.size() != n) {
      return Wrong(path, fmt::format("has {} rows; one for each of the {} scenarios is needed",
                                     rows.size(), n));
    }
    std::vector<double> matrix;
    for (int i = 0; i < n; ++i) {
      if (rows[i].values_size() != n) {
        return Wrong(fmt::format("{}[{}]", path, i),
                     fmt::format("has {} values; one for each of the {} scenarios is needed",
                                 rows[i].values_size(), n));
      }
      matrix.insert(matrix.end(), rows[i].values().begin(), rows[i].values().end());
    }
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j <= i; ++j) {
        const double value = rows[i].values(j);
        const double wanted = i == j ? 1 : rows[j].values(i);
        if (std::abs(value - wanted) <= kMatrixTolerance) continue;
        return Wrong(fmt::format("{}[{}].values[{}]", path, i, j),
                     i == j ? fmt::format("is {}; 1 is needed on the diagonal", value)
                            : fmt::format("is {}, and row {} has {} in its place {}; both must be "
                                          "equal",
                                          value, j, wanted, i));
      }
    }
    if (!CholeskyFactor(matrix, static_cast<uint32_t>(n)).has_value()) {
      return Wrong(path,
                   "is not positive definite: no numbers are correlated so; values nearer to 0 "
                   "would be");
    }
    return absl::OkStatus();
  }

  absl::Status CheckJob() const {
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    const conf::Data& data = world_.job().data();
    data.GetReflection()->ListFields(data, &fields);
    for (const google::protobuf::FieldDescriptor* field : fields) {
      if (std::ranges::find(kFreeDataFields, field->name()) == std::end(kFreeDataFields)) {
        return Wrong("job.data." + field->name(),
                     "is set; it follows from the world and is left out");
      }
    }
    const conf::Job job = WorldJob(world_);
    const conf::FieldLocations of_job(fmt::format("{}, in the job", locations_.Where("job")));
    CARAVAN_RETURN_IF_ERROR(conf::CheckConsistency(job, of_job));
    const int32_t first_day = *ParseDate(world_.first_day());
    const auto splits =
        ResolveSplits(job.data(), first_day, first_day + static_cast<int32_t>(world_.days()) - 1);
    if (splits.ok()) return absl::OkStatus();
    return Wrong("days",
                 fmt::format("is {}: {}", world_.days(), std::string(splits.status().message())));
  }

  const conf::World& world_;
  const conf::FieldLocations& locations_;
};

}  // namespace

absl::Status CheckWorld(const conf::World& world, const conf::FieldLocations& locations) {
  return Checker(world, locations).Check();
}

absl::StatusOr<conf::World> LoadWorld(const std::string& path) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string text, conf::ReadText(path, "world file"));
  conf::World world;
  conf::FieldLocations locations(path);
  CARAVAN_RETURN_IF_ERROR(conf::ParseText(text, path, world, locations));
  CARAVAN_RETURN_IF_ERROR(CheckWorld(world, locations));
  return world;
}

conf::Job WorldJob(const conf::World& world) {
  conf::Job job = world.job();
  conf::Data& data = *job.mutable_data();
  data.set_directory(".");
  data.set_daily_file(kDailyFile);
  data.set_entities_file(kEntitiesFile);
  data.set_scenarios_file(kScenariosFile);
  for (const conf::Behaviour& behaviour : world.behaviours()) {
    data.add_behaviour_columns(behaviour.name());
  }
  for (const char* column : {"industry", "region", "size_band"}) data.add_profile_columns(column);
  for (const char* column : {"share", "begins_after_days"}) {
    data.add_scenario_numeric_columns(column);
  }
  for (const conf::Measure& measure : world.measures()) {
    data.add_performance_columns(measure.name());
    conf::Task& task = *data.add_tasks();
    task.set_name(measure.task().empty() ? measure.name() : measure.task());
    if (task.name() != measure.name()) task.set_column(measure.name());
    if (measure.has_aggregate()) task.set_aggregate(measure.aggregate());
    if (measure.aggregate() == conf::ANY_NONZERO) task.set_loss(conf::CROSS_ENTROPY);
  }
  data.set_active_column(world.active_measure());
  return job;
}

}  // namespace caravan::data
