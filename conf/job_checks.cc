#include "conf/job_checks.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <set>

#include "conf/job_defaults.h"

namespace caravan::conf {
namespace {

using Names = google::protobuf::RepeatedPtrField<std::string>;

// The checks of one job; each returns the first thing that is wrong.
class Checker {
 public:
  Checker(const Job& job, const FieldLocations& locations) : job_(job), locations_(locations) {}

  absl::Status CheckName() const {
    for (const char letter : job_.name()) {
      if (std::isalnum(static_cast<unsigned char>(letter)) || letter == '_' || letter == '-') {
        continue;
      }
      return Wrong("name",
                   fmt::format("is \"{}\"; letters, digits, _ and - are allowed", job_.name()));
    }
    return job_.name().empty() ? Wrong("name", "is empty") : absl::OkStatus();
  }

  absl::Status CheckColumns() const {
    const Data& data = job_.data();
    if (data.behaviour_columns().empty() && data.performance_columns().empty()) {
      return Wrong("data",
                   "has neither behaviour_columns nor performance_columns; at least one "
                   "daily series is needed");
    }
    if (data.active_column().empty() && data.performance_columns().empty()) {
      return Wrong("data.active_column",
                   "is empty and there are no performance_columns to take "
                   "the first of");
    }
    for (const auto& [path, first, second] :
         {std::tuple{"data.behaviour_columns", &data.behaviour_columns(), &kNone},
          std::tuple{"data.performance_columns", &data.performance_columns(), &kNone},
          std::tuple{"data.profile_columns", &data.profile_columns(),
                     &data.profile_numeric_columns()},
          std::tuple{"data.scenario_columns", &data.scenario_columns(),
                     &data.scenario_numeric_columns()}}) {
      const absl::Status status = CheckDistinct(path, *first, *second);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status CheckTasks() const {
    if (job_.data().tasks().empty()) {
      return Wrong("data.tasks", "is empty; at least one task is needed");
    }
    std::set<std::string> names;
    for (int i = 0; i < job_.data().tasks_size(); ++i) {
      const Task& task = job_.data().tasks(i);
      const std::string path = fmt::format("data.tasks[{}]", i);
      if (task.name().empty()) return Wrong(path + ".name", "is empty");
      if (!names.insert(task.name()).second) {
        return Wrong(path + ".name", fmt::format("is \"{}\", which another task has", task.name()));
      }
      if (task.loss() == CROSS_ENTROPY && task.aggregate() != ANY_NONZERO) {
        return Wrong(path + ".loss",
                     "is CROSS_ENTROPY, which needs labels 0 or 1: aggregate "
                     "ANY_NONZERO");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckWindows() const {
    const Data& data = job_.data();
    if (data.min_active_days() > ActiveWindowDays(data)) {
      const char* field = data.active_window_days() == 0 ? "history_days" : "active_window_days";
      return Wrong("data.min_active_days",
                   fmt::format("is {}; at most {}, {}, is allowed", data.min_active_days(), field,
                               ActiveWindowDays(data)));
    }
    std::set<uint32_t> windows;
    for (int i = 0; i < data.dense_windows_size(); ++i) {
      const uint32_t days = data.dense_windows(i);
      const std::string path = fmt::format("data.dense_windows[{}]", i);
      if (days < 1 || days > data.history_days()) {
        return Wrong(path, fmt::format("is {}; 1 to history_days, {}, is allowed", days,
                                       data.history_days()));
      }
      if (!windows.insert(days).second) return Wrong(path, fmt::format("is {} once more", days));
    }
    return absl::OkStatus();
  }

  absl::Status CheckSplit() const {
    const Split& split = job_.data().split();
    const uint32_t horizon = job_.data().horizon_days();
    if (split.gap_days() != 0 && split.gap_days() < horizon) {
      return Wrong(
          "data.split.gap_days",
          fmt::format("is {}; 0 or at least horizon_days, {}, is allowed, so that labels of "
                      "two splits never overlap",
                      split.gap_days(), horizon));
    }
    const int ranges = split.has_train() + split.has_valid() + split.has_test();
    if (ranges == 0) return absl::OkStatus();
    if (ranges != 3) {
      return Wrong("data.split", "has some of train, valid and test; all three or none are wanted");
    }
    std::optional<std::chrono::sys_days> before;
    for (const auto& [name, range] :
         {std::pair{"train", &split.train()}, std::pair{"valid", &split.valid()},
          std::pair{"test", &split.test()}}) {
      const absl::Status status = CheckAnchors(fmt::format("data.split.{}", name), *range, before);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // The best epoch is found by a validation and kept as a checkpoint.
  absl::Status CheckEarlyStopping() const {
    const Training& training = job_.training();
    if (!training.has_early_stopping()) return absl::OkStatus();
    const uint32_t every = training.evaluate_every_epochs();
    if (every == 0) {
      return Wrong("training.evaluate_every_epochs",
                   "is 0; at least 1 is needed with training.early_stopping");
    }
    const uint32_t checkpoints = job_.checkpoint().every_epochs();
    if (checkpoints != 0 && every % checkpoints == 0) return absl::OkStatus();
    return Wrong("checkpoint.every_epochs",
                 fmt::format("is {}; with training.early_stopping a divisor of "
                             "training.evaluate_every_epochs, {}, is needed, so that the best "
                             "epoch has a checkpoint",
                             checkpoints, every));
  }

  absl::Status CheckHeads() const {
    const Model& model = job_.model();
    if (!model.transformer()) return absl::OkStatus();
    for (const auto& [name, fields] :
         {std::pair{"behaviour", job_.data().behaviour_columns_size()},
          std::pair{"performance", job_.data().performance_columns_size()}}) {
      const uint32_t width = model.embedding_width() * static_cast<uint32_t>(fields + 1);
      if (fields == 0 || width % model.heads() == 0) continue;
      return Wrong("model.heads",
                   fmt::format("is {}; a divisor of the {} encoder's input width, {}, is allowed",
                               model.heads(), name, width));
    }
    return absl::OkStatus();
  }

  absl::Status CheckDispersion() const {
    const Model& model = job_.model();
    if (model.dispersion_samples() == 0 || model.task_weight() == INVERSE_DISPERSION) {
      return absl::OkStatus();
    }
    return Wrong("model.dispersion_samples",
                 fmt::format("is {}; it needs task_weight INVERSE_DISPERSION, which is {}",
                             model.dispersion_samples(), TaskWeight_Name(model.task_weight())));
  }

  absl::Status CheckCluster() const {
    const Cluster& cluster = job_.cluster();
    const uint64_t lanes = uint64_t{cluster.servers()} * cluster.lanes();
    if (cluster.shards() < lanes) {
      return Wrong("cluster.shards",
                   fmt::format("is {}; at least one for each of the {} lanes ({} servers of {}) is "
                               "needed",
                               cluster.shards(), lanes, cluster.servers(), cluster.lanes()));
    }
    if (cluster.dead_after_ms() < 2 * cluster.heartbeat_ms()) {
      return Wrong("cluster.dead_after_ms",
                   fmt::format("is {}; at least two heartbeats, {}, are needed",
                               cluster.dead_after_ms(), 2 * cluster.heartbeat_ms()));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Wrong(const std::string& path, const std::string& what) const {
    return absl::InvalidArgumentError(fmt::format("{}: {} {}", locations_.Where(path), path, what));
  }

  absl::Status CheckDistinct(const std::string& path, const Names& first,
                             const Names& second) const {
    std::set<std::string> seen;
    for (const Names* names : {&first, &second}) {
      for (const std::string& name : *names) {
        if (name.empty()) return Wrong(path, "has an empty name");
        if (!seen.insert(name).second) return Wrong(path, fmt::format("has \"{}\" twice", name));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckAnchors(const std::string& path, const AnchorRange& range,
                            std::optional<std::chrono::sys_days>& before) const {
    std::optional<std::chrono::sys_days> days[2];
    for (const auto& [i, name, text] : {std::tuple{0, "first_anchor", &range.first_anchor()},
                                        std::tuple{1, "last_anchor", &range.last_anchor()}}) {
      days[i] = ParseDate(*text);
      if (!days[i].has_value()) {
        return Wrong(fmt::format("{}.{}", path, name),
                     fmt::format("is \"{}\"; a date YYYY-MM-DD is wanted", *text));
      }
    }
    if (*days[1] < *days[0]) {
      return Wrong(path + ".last_anchor", fmt::format("is {}, before first_anchor, {}",
                                                      range.last_anchor(), range.first_anchor()));
    }
    const std::chrono::days horizon(job_.data().horizon_days());
    if (before.has_value() && *days[0] - *before < horizon) {
      return Wrong(path + ".first_anchor",
                   fmt::format("is {}; at least horizon_days, {}, past the split before it is "
                               "needed, so that labels of two splits never overlap",
                               range.first_anchor(), horizon.count()));
    }
    before = days[1];
    return absl::OkStatus();
  }

  static std::optional<std::chrono::sys_days> ParseDate(const std::string& text) {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int used = 0;
    if (text.size() != 10 ||
        std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &used) != 3 || used != 10) {
      return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
  }

  static inline const Names kNone;
  const Job& job_;
  const FieldLocations& locations_;
};

}  // namespace

absl::Status CheckConsistency(const Job& job, const FieldLocations& locations) {
  const Checker checker(job, locations);
  for (const absl::Status& status :
       {checker.CheckName(), checker.CheckColumns(), checker.CheckTasks(), checker.CheckWindows(),
        checker.CheckSplit(), checker.CheckEarlyStopping(), checker.CheckHeads(),
        checker.CheckDispersion(), checker.CheckCluster()}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace caravan::conf
