#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "data/calendar.h"
#include "data/world/world.h"
#include "data/world/world_file.h"
#include "data/world/world_writer.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/progress_line.h"

DEFINE_string(world, "conf/synth/world.txtpb",
              "what the world is like (Protobuf text, schema conf/world.proto)");
DEFINE_double(scale, 0.01,
              "share of the world's advertisers that are written, above 0, up to 1000");
DEFINE_uint64(seed, 1, "the same seed and world give the same tables");

namespace caravan::launch {
namespace {

constexpr double kScaleMin = 1e-9;  // of conf/world.proto
constexpr double kScaleMax = 1000;

void PrintSummary(const data::World& world, const data::WorldReport& report, double seconds) {
  const conf::World& about = world.description();
  fmt::print("{} advertisers, {} to {}: {} rows, {:.1f} MB, in {:.1f} s\n\n", world.advertisers(),
             data::FormatDate(world.first_day()),
             data::FormatDate(world.first_day() + world.days() - 1), report.rows,
             static_cast<double>(report.daily_bytes) / 1e6, seconds);
  fmt::print("{:<12}  {:>12}  {:>12}  {}\n", "scenario", "advertisers", "rows", "begins");
  for (uint32_t s = 0; s < world.scenarios(); ++s) {
    const conf::WorldScenario& scenario = about.scenarios(static_cast<int>(s));
    fmt::print(
        "{:<12}  {:>12}  {:>12}  {}\n", scenario.name().empty() ? scenario.id() : scenario.name(),
        report.members[s], report.scenario_rows[s],
        data::FormatDate(world.first_day() + static_cast<int32_t>(scenario.begins_after_days())));
  }
  fmt::print("\njob       {}/{}\n", FLAGS_out, data::kJobFile);
}

absl::Status RunSynth(const CommandLine& line) {
  if (!line.arguments.empty()) {
    return absl::InvalidArgumentError(fmt::format("what is '{}'?", line.arguments.front()));
  }
  if (FLAGS_out.empty()) return absl::InvalidArgumentError("--out=DIR is needed");
  if (!(FLAGS_scale >= kScaleMin && FLAGS_scale <= kScaleMax)) {
    return absl::InvalidArgumentError(
        fmt::format("--scale={}; {} to {} is allowed", FLAGS_scale, kScaleMin, kScaleMax));
  }
  CARAVAN_ASSIGN_OR_RETURN(conf::World description, data::LoadWorld(FLAGS_world));
  const data::World world(std::move(description), FLAGS_seed, FLAGS_scale);
  const auto begin = std::chrono::steady_clock::now();
  ProgressLine progress;
  const absl::StatusOr<data::WorldReport> report = data::WriteWorld(
      world, FLAGS_out,
      [&](const data::WorldProgress& now) { progress.Show("writing", now.fraction, now.rows); });
  progress.Close();
  CARAVAN_RETURN_IF_ERROR(report.status());
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  PrintSummary(world, *report, taken.count());
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kSynthCommand = {
    .name = "synth",
    .summary = "writes a synthetic advertiser world, whose true rates are known, as raw tables",
    .usage = "--out=DIR [--scale=0.01] [--seed=1] [--world=FILE]",
    .example = "caravan synth --scale=0.01 --out=runs/world",
    .flags = "out scale seed world",
    .run = RunSynth,
};

}  // namespace caravan::launch
