#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "conf/job_loader.h"
#include "data/import.h"
#include "data/schema_file.h"
#include "data/split_visitor.h"
#include "launch/commands.h"
#include "launch/comparison.h"
#include "launch/comparison_report.h"
#include "launch/comparison_text.h"
#include "launch/flags.h"
#include "launch/stop_signals.h"
#include "launch/variant_run.h"
#include "launch/yardsticks.h"
#include "model/net.h"

DEFINE_string(models, "",
              "nets to compare, parted by commas, the reference first; all where empty");
DEFINE_uint32(seeds, 3, "runs of each model, with training.seed 1, 2, ...");
DEFINE_bool(ablations, false, "m2m and its three ablations (Table 5) in place of --models");
DEFINE_string(
    sweep, "",
    "FIELD:VALUE,VALUE,...: the job's net at each value of a field (Figure 6) in place of "
    "--models");

namespace caravan::launch {
namespace {

constexpr const char* kSplit = "test";

absl::StatusOr<std::vector<Variant>> NetVariants() {
  std::vector<std::string> wanted = model::NetNames();
  if (FLAGS_ablations) {
    std::erase_if(wanted, [](const std::string& name) { return !name.starts_with("m2m"); });
  } else if (!FLAGS_models.empty()) {
    wanted = absl::StrSplit(FLAGS_models, ',');
  }
  const std::vector<std::string> known = model::NetNames();
  std::vector<Variant> variants;
  for (const std::string& name : wanted) {
    if (std::ranges::find(known, name) == known.end()) {
      return absl::InvalidArgumentError(
          fmt::format("--models: \"{}\" is no net; there are: {}", name, fmt::join(known, ", ")));
    }
    variants.push_back({.name = name, .overrides = {"model.net=" + name}});
  }
  return variants;
}

// "history_days" stands for data.history_days, "meta.layers" for model.meta.layers: a part of the
// job whose name is left out. Others are as they are: the job's own check names what is wrong.
std::string WholePath(const std::string& field) {
  const google::protobuf::Descriptor& job = *conf::Job::descriptor();
  const std::string first = field.substr(0, field.find('.'));
  if (job.FindFieldByName(first) != nullptr) return field;
  for (int i = 0; i < job.field_count(); ++i) {
    const google::protobuf::Descriptor* part = job.field(i)->message_type();
    if (part == nullptr || part->FindFieldByName(first) == nullptr) continue;
    return fmt::format("{}.{}", job.field(i)->name(), field);
  }
  return field;
}

absl::StatusOr<std::vector<Variant>> SweepVariants() {
  const size_t colon = FLAGS_sweep.find(':');
  if (colon == std::string::npos || colon + 1 == FLAGS_sweep.size()) {
    return absl::InvalidArgumentError(
        fmt::format("--sweep=\"{}\"; FIELD:VALUE,VALUE,... is wanted, as model.meta.layers:1,2,3",
                    FLAGS_sweep));
  }
  const std::string field = WholePath(FLAGS_sweep.substr(0, colon));
  std::vector<Variant> variants;
  const std::vector<std::string> values = absl::StrSplit(FLAGS_sweep.substr(colon + 1), ',');
  for (const std::string& value : values) {
    const std::string override = fmt::format("{}={}", field, value);
    variants.push_back({.name = override, .overrides = {override}});
  }
  return variants;
}

// All trainings of a comparison, one after another, and what they come to.
class Comparer {
 public:
  Comparer(const CommandLine& line, std::vector<Variant> variants)
      : variants_(std::move(variants)),
        base_(WithFlags(line.overrides)),
        out_(std::filesystem::absolute(FLAGS_out).lexically_normal().string()) {}

  absl::StatusOr<Comparison> Run() {
    CARAVAN_RETURN_IF_ERROR(CheckJobs());
    stop_signals_ = &CountStopSignals();
    CARAVAN_ASSIGN_OR_RETURN(const conf::Job job, JobOf(base_));
    CARAVAN_ASSIGN_OR_RETURN(const std::string data, DataOf(job));
    CARAVAN_ASSIGN_OR_RETURN(const conf::Schema schema, data::LoadSchema(data));
    if (CountTasks(job, schema).empty()) {
      return absl::InvalidArgumentError(
          "all of data.tasks are binary: models are compared by NMAE and SMAPE, which those lack");
    }
    std::vector<ScoredModel> scored;
    for (const Variant& variant : variants_) {
      ScoredModel& model = scored.emplace_back();
      model.name = variant.name;
      for (uint32_t seed = 1; seed <= FLAGS_seeds; ++seed) {
        CARAVAN_ASSIGN_OR_RETURN(EntityScores scores, ScoreOf(variant, seed));
        model.seeds.push_back(std::move(scores));
      }
    }
    if (FLAGS_sweep.empty()) CARAVAN_RETURN_IF_ERROR(AddYardsticks(job, schema, data, scored));
    return Compare(schema, job.name(), kSplit, scored, entities_.count());
  }

 private:
  static absl::StatusOr<conf::Job> JobOf(const std::vector<std::string>& overrides) {
    return conf::LoadJob(FLAGS_job, overrides);
  }

  std::vector<std::string> OverridesOf(const Variant& variant, uint32_t seed) const {
    std::vector<std::string> overrides = base_;
    overrides.insert(overrides.end(), variant.overrides.begin(), variant.overrides.end());
    overrides.push_back(fmt::format("training.seed={}", seed));
    return overrides;
  }

  // Before hours of training: every variant's job is a right one.
  absl::Status CheckJobs() const {
    for (const Variant& variant : variants_) {
      CARAVAN_RETURN_IF_ERROR(JobOf(OverridesOf(variant, 1)).status());
    }
    return absl::OkStatus();
  }

  // An import for each setting of the data section, shared by all runs that have it.
  absl::StatusOr<std::string> DataOf(const conf::Job& job) const {
    const uint64_t fingerprint = conf::DataFingerprint(job.data());
    std::string directory = fmt::format("{}/data/{:016x}", out_, fingerprint);
    const absl::StatusOr<conf::Schema> schema = data::LoadSchema(directory);
    if (schema.ok() && schema->data_fingerprint() == fingerprint) return directory;
    fmt::print(stderr, "importing {}\n", job.data().directory());
    CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
    CARAVAN_RETURN_IF_ERROR(
        data::Import(job, directory, [](const data::ImportProgress&) {}).status());
    return directory;
  }

  absl::StatusOr<EntityScores> ScoreOf(const Variant& variant, uint32_t seed) {
    ++begun_;
    const std::string name = fmt::format("{}-seed{}", variant.name, seed);
    const std::vector<std::string> overrides = OverridesOf(variant, seed);
    CARAVAN_ASSIGN_OR_RETURN(const conf::Job job, JobOf(overrides));
    CARAVAN_ASSIGN_OR_RETURN(const std::string data, DataOf(job));
    CARAVAN_RETURN_IF_ERROR(CreateDirectories(out_ + "/runs"));
    CARAVAN_RETURN_IF_ERROR(CreateDirectories(out_ + "/log"));
    CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunDirectory::At(out_ + "/runs/" + name));
    const VariantRun training{.job_path = FLAGS_job,
                              .data_directory = data,
                              .overrides = overrides,
                              .run = run,
                              .log_path = fmt::format("{}/log/{}.log", out_, name),
                              .stop_signals = stop_signals_};
    const SystemClock clock;
    const Millis start = clock.Now();
    CARAVAN_ASSIGN_OR_RETURN(const bool done, IsDone(training));
    if (!done) CARAVAN_RETURN_IF_ERROR(TrainVariant(training));
    CARAVAN_ASSIGN_OR_RETURN(EntityScores scores, ScoreVariant(training, kSplit, entities_));
    const OverallScores overall = scores.Overall();
    fmt::print(stderr, "[{}/{}] {:<36} NMAE {:.4f}  SMAPE {:.4f}  {}\n", begun_,
               variants_.size() * FLAGS_seeds, name, overall.nmae, overall.smape,
               done ? "done before" : fmt::format("{} s", (clock.Now() - start).count() / 1000));
    return scores;
  }

  absl::Status AddYardsticks(const conf::Job& job, const conf::Schema& schema,
                             const std::string& data, std::vector<ScoredModel>& scored) {
    CARAVAN_ASSIGN_OR_RETURN(const Yardsticks yardsticks, Yardsticks::Create(job, schema, data));
    const auto tasks = static_cast<uint32_t>(schema.tasks_size());
    const std::vector<uint32_t> counted = CountTasks(job, schema);
    std::vector<EntityScores> scores(
        yardsticks.names().size(),
        EntityScores(tasks, static_cast<uint32_t>(schema.scenarios_size())));
    CARAVAN_RETURN_IF_ERROR(data::VisitSplit(
        data, schema, kSplit, job.training().batch_size(),
        [&](const data::Batch& batch, const data::SampleReader& reader) {
          for (uint32_t b = 0; b < batch.size; ++b) {
            const uint32_t entity = entities_.NumberOf(reader.EntityName(batch.entities[b]));
            for (const uint32_t task : counted) {
              const float label = batch.labels[size_t{b} * tasks + task];
              for (size_t i = 0; i < scores.size(); ++i) {
                scores[i].Add(entity, task, batch.scenarios[b],
                              yardsticks.Predict(i, batch, b, task), label);
              }
            }
          }
          return absl::OkStatus();
        }));
    for (size_t i = 0; i < scores.size(); ++i) {
      scored.push_back(
          {.name = yardsticks.names()[i], .trained = false, .seeds = {std::move(scores[i])}});
    }
    return absl::OkStatus();
  }

  const std::vector<Variant> variants_;
  const std::vector<std::string> base_;  // overrides of all
  const std::string out_;
  const std::atomic<int>* stop_signals_ = nullptr;
  EntityNumbers entities_;
  size_t begun_ = 0;
};

absl::Status CheckFlags(const CommandLine& line) {
  if (!line.arguments.empty()) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is no flag", line.arguments[0]));
  }
  if (FLAGS_job.empty()) return absl::InvalidArgumentError("--job=FILE is needed");
  if (FLAGS_out.empty()) return absl::InvalidArgumentError("--out=DIR is needed");
  if (FLAGS_seeds == 0) return absl::InvalidArgumentError("--seeds=0; at least 1 is needed");
  const int ways = static_cast<int>(FLAGS_ablations) + static_cast<int>(!FLAGS_models.empty()) +
                   static_cast<int>(!FLAGS_sweep.empty());
  if (ways > 1) {
    return absl::InvalidArgumentError("--models, --ablations and --sweep exclude one another");
  }
  return absl::OkStatus();
}

absl::Status RunCompare(const CommandLine& line) {
  CARAVAN_RETURN_IF_ERROR(CheckFlags(line));
  CARAVAN_ASSIGN_OR_RETURN(std::vector<Variant> variants,
                           FLAGS_sweep.empty() ? NetVariants() : SweepVariants());
  Comparer comparer(line, std::move(variants));
  CARAVAN_ASSIGN_OR_RETURN(const Comparison comparison, comparer.Run());
  const std::string sweep = FLAGS_sweep.substr(0, FLAGS_sweep.find(':'));
  const std::string json = ComparisonJson(comparison);
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(FLAGS_out + "/comparison.json", json + "\n"));
  CARAVAN_RETURN_IF_ERROR(
      WriteFileAtomically(FLAGS_out + "/comparison.csv", ComparisonCsv(comparison)));
  CARAVAN_RETURN_IF_ERROR(
      WriteFileAtomically(FLAGS_out + "/comparison.html", ComparisonHtml(comparison, sweep)));
  if (FLAGS_json) {
    fmt::print("{}\n", json);
    return absl::OkStatus();
  }
  fmt::print("\n{}\ntables  {}/comparison.html, .csv, .json\n", ComparisonText(comparison),
             FLAGS_out);
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kCompareCommand = {
    .name = "compare",
    .summary = "trains several models on one data set and prints them beside each other",
    .usage =
        "--job=FILE --out=DIR [--models=NAME,...] [--seeds=3] [--ablations] "
        "[--sweep=FIELD:VALUES] [--set=FIELD=VALUE ...] [--json]",
    .example =
        "caravan compare --job=conf/us_flights/job.txtpb --models=m2m,cgc,mmoe --out=compared",
    .flags =
        "job out models seeds ablations sweep workers servers lanes hold_out_scenario "
        "keep_fraction json set",
    .run = RunCompare,
};

}  // namespace caravan::launch
