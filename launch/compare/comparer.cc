#include "launch/compare/comparer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "conf/job_loader.h"
#include "data/import.h"
#include "data/schema_file.h"
#include "data/split_visitor.h"
#include "launch/compare/yardsticks.h"
#include "launch/stop_signals.h"

namespace caravan::launch {
namespace {

constexpr const char* kSplit = "test";
constexpr const char* kSearchSplit = "valid";
constexpr uint32_t kSearchSeed = 1;

// FAILED_PRECONDITION names a raw table that was written after it was imported into `directory`:
// models trained before and after it would not have seen the same samples. One that is gone does
// not matter.
absl::Status CheckUnchanged(const conf::Data& data, const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_time_type imported = fs::last_write_time(data::SchemaPath(directory), error);
  for (const std::string& file : {data.daily_file(), data.entities_file(), data.scenarios_file()}) {
    const fs::path path = fs::path(data.directory()) / file;
    const fs::file_time_type written = fs::last_write_time(path, error);
    if (error || file.empty() || written <= imported) continue;
    return absl::FailedPreconditionError(
        fmt::format("{} was written after it was imported for this comparison; give another --out",
                    path.string()));
  }
  return absl::OkStatus();
}

// For people and folders: "learning_rate=1e-3,view_width=64".
std::string PointName(const std::vector<std::string>& point) {
  std::vector<std::string> parts;
  for (const std::string& override : point) {
    const size_t dot = override.rfind('.', override.find('='));
    parts.push_back(override.substr(dot == std::string::npos ? 0 : dot + 1));
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace

Comparer::Comparer(ComparerOptions options) : options_(std::move(options)) {
  trainings_ = options_.variants.size() * options_.seeds;
  // The point that is chosen has been trained with the search's seed.
  if (!options_.search.empty()) {
    trainings_ += options_.variants.size() * (options_.search.size() - 1);
  }
}

absl::StatusOr<Comparison> Comparer::Run() {
  CARAVAN_RETURN_IF_ERROR(CheckJobs());
  stop_signals_ = &CountStopSignals();
  CARAVAN_ASSIGN_OR_RETURN(const conf::Job job, JobOf(options_.overrides));
  CARAVAN_ASSIGN_OR_RETURN(const std::string data, DataOf(job));
  CARAVAN_ASSIGN_OR_RETURN(const conf::Schema schema, data::LoadSchema(data));
  if (CountTasks(job, schema).empty()) {
    return absl::InvalidArgumentError(
        "all of data.tasks are binary: models are compared by NMAE and SMAPE, which those lack");
  }
  if (options_.with_yardsticks) {
    CARAVAN_ASSIGN_OR_RETURN(oracle_, data::WorldOracle::Open(job.data(), schema));
  }
  std::vector<ScoredModel> scored;
  std::vector<SearchedPoint> tried;
  for (const Variant& given : options_.variants) {
    Variant variant = given;
    if (!options_.search.empty()) {
      CARAVAN_ASSIGN_OR_RETURN(variant, Search(given, tried));
    }
    ScoredModel& model = scored.emplace_back();
    model.name = given.name;
    for (uint32_t seed = 1; seed <= options_.seeds; ++seed) {
      CARAVAN_ASSIGN_OR_RETURN(EntityScores scores, ScoreOf(variant, seed, kSplit));
      model.seeds.push_back(std::move(scores));
    }
  }
  if (options_.with_yardsticks) CARAVAN_RETURN_IF_ERROR(AddYardsticks(job, schema, data, scored));
  Comparison comparison = Compare(schema, job.name(), kSplit, scored, entities_.count());
  comparison.search = std::move(tried);
  return comparison;
}

absl::StatusOr<conf::Job> Comparer::JobOf(const std::vector<std::string>& overrides) const {
  return conf::LoadJob(options_.job_path, overrides);
}

std::vector<std::string> Comparer::OverridesOf(const Variant& variant, uint32_t seed) const {
  std::vector<std::string> overrides = options_.overrides;
  overrides.insert(overrides.end(), variant.overrides.begin(), variant.overrides.end());
  overrides.push_back(fmt::format("training.seed={}", seed));
  return overrides;
}

Variant Comparer::At(const Variant& variant, const std::vector<std::string>& point) {
  Variant at = variant;
  at.name += "," + PointName(point);
  at.overrides.insert(at.overrides.end(), point.begin(), point.end());
  return at;
}

absl::Status Comparer::CheckJobs() const {
  for (const Variant& variant : options_.variants) {
    CARAVAN_RETURN_IF_ERROR(JobOf(OverridesOf(variant, 1)).status());
    for (const std::vector<std::string>& point : options_.search) {
      CARAVAN_RETURN_IF_ERROR(JobOf(OverridesOf(At(variant, point), 1)).status());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Comparer::DataOf(const conf::Job& job) const {
  const uint64_t fingerprint = conf::DataFingerprint(job.data());
  std::string directory = fmt::format("{}/data/{:016x}", options_.out, fingerprint);
  const absl::StatusOr<conf::Schema> schema = data::LoadSchema(directory);
  if (schema.ok() && schema->data_fingerprint() == fingerprint) {
    CARAVAN_RETURN_IF_ERROR(CheckUnchanged(job.data(), directory));
    return directory;
  }
  fmt::print(stderr, "importing {}\n", job.data().directory());
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
  CARAVAN_RETURN_IF_ERROR(
      data::Import(job, directory, [](const data::ImportProgress&) {}).status());
  return directory;
}

absl::StatusOr<Variant> Comparer::Search(const Variant& variant,
                                         std::vector<SearchedPoint>& tried) {
  const size_t first = tried.size();
  for (const std::vector<std::string>& point : options_.search) {
    CARAVAN_ASSIGN_OR_RETURN(const EntityScores scores,
                             ScoreOf(At(variant, point), kSearchSeed, kSearchSplit));
    const OverallScores overall = scores.Overall();
    tried.push_back({.model = variant.name,
                     .point = PointName(point),
                     .nmae = overall.nmae,
                     .smape = overall.smape});
  }
  const auto best = std::min_element(
      tried.begin() + static_cast<ptrdiff_t>(first), tried.end(),
      [](const SearchedPoint& a, const SearchedPoint& b) { return a.nmae < b.nmae; });
  best->chosen = true;
  --begun_;  // its run with the search's seed is the first of those to come
  return At(variant, options_.search[static_cast<size_t>(best - tried.begin()) - first]);
}

absl::StatusOr<EntityScores> Comparer::ScoreOf(const Variant& variant, uint32_t seed,
                                               const std::string& split) {
  ++begun_;
  const std::string name = fmt::format("{}-seed{}", variant.name, seed);
  const std::vector<std::string> overrides = OverridesOf(variant, seed);
  CARAVAN_ASSIGN_OR_RETURN(const conf::Job job, JobOf(overrides));
  CARAVAN_ASSIGN_OR_RETURN(const std::string data, DataOf(job));
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(options_.out + "/runs"));
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(options_.out + "/log"));
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run,
                           RunDirectory::At(options_.out + "/runs/" + name));
  const VariantRun training{.job_path = options_.job_path,
                            .data_directory = data,
                            .overrides = overrides,
                            .run = run,
                            .log_path = fmt::format("{}/log/{}.log", options_.out, name),
                            .stop_signals = stop_signals_};
  const SystemClock clock;
  const Millis start = clock.Now();
  CARAVAN_ASSIGN_OR_RETURN(const bool done, IsDone(training));
  if (!done) CARAVAN_RETURN_IF_ERROR(TrainVariant(training));
  // Entities of another split have numbers of their own: only the test split's are drawn from.
  EntityNumbers others;
  CARAVAN_ASSIGN_OR_RETURN(EntityScores scores,
                           ScoreVariant(training, split, split == kSplit ? entities_ : others));
  const OverallScores overall = scores.Overall();
  fmt::print(stderr, "[{}/{}] {:<36} {} NMAE {:.4f}  SMAPE {:.4f}  {}\n", begun_, trainings_, name,
             split, overall.nmae, overall.smape,
             done ? "done before" : fmt::format("{} s", (clock.Now() - start).count() / 1000));
  return scores;
}

absl::Status Comparer::AddYardsticks(const conf::Job& job, const conf::Schema& schema,
                                     const std::string& data, std::vector<ScoredModel>& scored) {
  CARAVAN_ASSIGN_OR_RETURN(const Yardsticks yardsticks, Yardsticks::Create(job, schema, data));
  const auto tasks = static_cast<uint32_t>(schema.tasks_size());
  const std::vector<uint32_t> counted = CountTasks(job, schema);
  const EntityScores none(tasks, static_cast<uint32_t>(schema.scenarios_size()));
  std::vector<EntityScores> scores(yardsticks.names().size(), none);
  EntityScores medians = none;
  EntityScores means = none;
  std::vector<data::LabelLaw> laws(tasks);
  CARAVAN_RETURN_IF_ERROR(data::VisitSplit(
      data, schema, kSplit, job.training().batch_size(),
      [&](const data::Batch& batch, const data::SampleReader& reader) {
        for (uint32_t b = 0; b < batch.size; ++b) {
          const std::string_view name = reader.EntityName(batch.entities[b]);
          const uint32_t scenario = batch.scenarios[b];
          const uint32_t entity = entities_.NumberOf(name);
          if (oracle_.has_value()) {
            CARAVAN_RETURN_IF_ERROR(oracle_->Laws(name, scenario, batch.anchor_days[b], laws));
          }
          for (const uint32_t task : counted) {
            const float label = batch.labels[size_t{b} * tasks + task];
            for (size_t i = 0; i < scores.size(); ++i) {
              scores[i].Add(entity, task, scenario, yardsticks.Predict(i, batch, b, task), label);
            }
            if (!oracle_.has_value()) continue;
            medians.Add(entity, task, scenario, laws[task].median, label);
            means.Add(entity, task, scenario, laws[task].mean, label);
          }
        }
        return absl::OkStatus();
      }));
  for (size_t i = 0; i < scores.size(); ++i) {
    scored.push_back(
        {.name = yardsticks.names()[i], .trained = false, .seeds = {std::move(scores[i])}});
  }
  if (oracle_.has_value()) {
    scored.push_back(
        {.name = kOracleMean, .trained = false, .oracle = true, .seeds = {std::move(means)}});
    scored.push_back(
        {.name = kOracleMedian, .trained = false, .oracle = true, .seeds = {std::move(medians)}});
  }
  return absl::OkStatus();
}

}  // namespace caravan::launch
