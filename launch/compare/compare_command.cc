#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "launch/commands.h"
#include "launch/compare/comparer.h"
#include "launch/compare/comparison.h"
#include "launch/compare/comparison_report.h"
#include "launch/compare/comparison_text.h"
#include "launch/compare/field_values.h"
#include "launch/flags.h"
#include "model/net.h"

DEFINE_string(
    models, "",
    "nets to compare, parted by commas, the reference first; all where empty. NAME+reptile: "
    "trained by Reptile (training.reptile)");
DEFINE_uint32(seeds, 3, "runs of each model, with training.seed 1, 2, ...");
DEFINE_bool(ablations, false, "m2m and its three ablations (Table 5) in place of --models");
DEFINE_string(
    sweep, "",
    "FIELD:VALUE,VALUE,...: the job's net at each value of a field (Figure 6) in place of "
    "--models");

DEFINE_string(
    search, "",
    "FIELD:VALUES;FIELD:VALUES: each model is trained at all combinations, and goes on with "
    "that of the lowest NMAE on the validation split");

namespace caravan::launch {
namespace {

constexpr std::string_view kWithReptile = "+reptile";

absl::StatusOr<std::vector<Variant>> NetVariants() {
  std::vector<std::string> wanted = model::NetNames();
  if (FLAGS_ablations) {
    std::erase_if(wanted, [](const std::string& name) { return !name.starts_with("m2m"); });
  } else if (!FLAGS_models.empty()) {
    wanted = absl::StrSplit(FLAGS_models, ',');
  }
  const std::vector<std::string> known = model::NetNames();
  std::vector<Variant> variants;
  variants.reserve(wanted.size());
  for (const std::string& name : wanted) {
    const bool with_reptile = name.ends_with(kWithReptile);
    const std::string net = with_reptile ? name.substr(0, name.size() - kWithReptile.size()) : name;
    if (std::ranges::find(known, net) == known.end()) {
      return absl::InvalidArgumentError(
          fmt::format("--models: \"{}\" is no net; there are: {}; each also as NAME{}", net,
                      fmt::join(known, ", "), kWithReptile));
    }
    Variant variant{.name = name, .overrides = {"model.net=" + net}};
    if (with_reptile) variant.overrides.emplace_back("training.reptile.inner_steps=4");
    variants.push_back(std::move(variant));
  }
  return variants;
}

absl::StatusOr<std::vector<Variant>> SweepVariants() {
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<std::string> overrides, FieldOverrides(FLAGS_sweep));
  std::vector<Variant> variants;
  variants.reserve(overrides.size());
  for (const std::string& override : overrides) {
    variants.push_back({.name = override, .overrides = {override}});
  }
  return variants;
}

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
  ComparerOptions options{.job_path = FLAGS_job,
                          .overrides = WithFlags(line.overrides),
                          .variants = std::move(variants),
                          .seeds = FLAGS_seeds,
                          .with_yardsticks = FLAGS_sweep.empty(),
                          .out = std::filesystem::absolute(FLAGS_out).lexically_normal().string()};
  if (!FLAGS_search.empty()) {
    CARAVAN_ASSIGN_OR_RETURN(options.search, OverrideGrid(FLAGS_search));
  }
  Comparer comparer(std::move(options));
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
        "[--sweep=FIELD:VALUES] [--search=FIELD:VALUES;...] [--set=FIELD=VALUE ...] [--json]",
    .example =
        "caravan compare --job=conf/us_flights/job.txtpb --models=m2m,cgc,mmoe --out=compared",
    .flags =
        "job out models seeds ablations sweep search workers servers lanes hold_out_scenario "
        "keep_fraction json set",
    .run = RunCompare,
};

}  // namespace caravan::launch
