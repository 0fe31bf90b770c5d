#include <gflags/gflags.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "launch/bench/checkpoint_bench.h"
#include "launch/bench/server_bench.h"
#include "launch/commands.h"
#include "launch/flags.h"

DEFINE_uint32(keys, 10000, "keys of a pull or push");
DEFINE_uint32(dim, 16, "floats a row");
DEFINE_uint64(rows, 300000, "rows of the table");
DEFINE_string(optimizer, "adam", "adam, adagrad, sgd or ftrl");
DEFINE_string(durability, "PROCESS", "PROCESS, POWER_LOSS or CHECKPOINT (no log)");
DEFINE_bool(while_checkpointing, false,
            "measure waits instead, without and with a checkpoint being written");
DEFINE_double(load, 0.5, "share of the lane's capacity that requests come at, for waits");
DEFINE_uint32(rounds, 5, "rounds without and with a checkpoint");
DECLARE_double(seconds);

namespace caravan::launch {
namespace {

constexpr uint64_t kKeysMax = 1000000;
constexpr uint64_t kFloatsMax = 64000000;  // of a request
constexpr uint64_t kRowFloatsMax = uint64_t{1} << 30;

absl::StatusOr<conf::Optimizer> ParseOptimizer(const std::string& name) {
  conf::Optimizer optimizer;
  if (name == "adam") {
    optimizer.mutable_adam();
  } else if (name == "adagrad") {
    optimizer.mutable_adagrad();
  } else if (name == "sgd") {
    optimizer.mutable_sgd();
  } else if (name == "ftrl") {
    optimizer.mutable_ftrl();
  } else {
    return absl::InvalidArgumentError(
        fmt::format("--optimizer={}; adam, adagrad, sgd and ftrl are allowed", name));
  }
  return optimizer;
}

nlohmann::ordered_json ToJson(const Timing& timing) {
  return {{"requests", timing.requests()},
          {"p50_us", timing.p50_us()},
          {"p99_us", timing.p99_us()},
          {"longest_us", timing.longest_us()}};
}

nlohmann::ordered_json ToJson(const WaitFigures& figures) {
  return {{"seconds", figures.seconds},
          {"pull", ToJson(figures.pulls)},
          {"push", ToJson(figures.pushes)}};
}

void PrintWaits(std::string_view when, std::string_view what, const Timing& timing) {
  fmt::print("{:13} {} {:7} requests   p50 {:6.0f} us   p99 {:6.0f} us   longest {:6.0f} us\n",
             when, what, timing.requests(), timing.p50_us(), timing.p99_us(), timing.longest_us());
}

void Print(const CheckpointBenchFigures& figures) {
  if (FLAGS_json) {
    const nlohmann::ordered_json json = {{"keys", FLAGS_keys},
                                         {"dim", FLAGS_dim},
                                         {"rows", FLAGS_rows},
                                         {"durability", FLAGS_durability},
                                         {"rounds", FLAGS_rounds},
                                         {"capacity_per_s", figures.capacity_per_s},
                                         {"load_per_s", figures.load_per_s},
                                         {"quiet", ToJson(figures.quiet)},
                                         {"checkpoint", ToJson(figures.checkpoint)},
                                         {"pull_added_p99_us", figures.pull_added_p99_us},
                                         {"push_added_p99_us", figures.push_added_p99_us}};
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print(
      "one lane, {} keys of {} floats a request, {} rows: {:.0f} requests/s come where {:.0f} are "
      "the most\n",
      FLAGS_keys, FLAGS_dim, FLAGS_rows, figures.load_per_s, figures.capacity_per_s);
  PrintWaits("no checkpoint", "pull", figures.quiet.pulls);
  PrintWaits("checkpoint", "pull", figures.checkpoint.pulls);
  PrintWaits("no checkpoint", "push", figures.quiet.pushes);
  PrintWaits("checkpoint", "push", figures.checkpoint.pushes);
  fmt::print("{} checkpoints in {:.1f} s add to the p99 (median): pull {:.0f} us, push {:.0f} us\n",
             FLAGS_rounds, figures.checkpoint.seconds, figures.pull_added_p99_us,
             figures.push_added_p99_us);
}

void Print(const ServerBenchFigures& figures) {
  if (FLAGS_json) {
    const nlohmann::ordered_json json = {
        {"keys", FLAGS_keys},
        {"dim", FLAGS_dim},
        {"optimizer", FLAGS_optimizer},
        {"rows", figures.rows},
        {"pull_keys_per_s", figures.pull_keys_per_s},
        {"push_keys_per_s", figures.push_keys_per_s},
        {"pull_p50_us", figures.pull_p50_us},
        {"pull_p99_us", figures.pull_p99_us},
        {"push_p50_us", figures.push_p50_us},
        {"push_p99_us", figures.push_p99_us},
        {"resident_bytes", figures.resident_bytes},
        {"durability", FLAGS_durability},
        {"unlogged_push_keys_per_s", figures.unlogged_push_keys_per_s},
        {"push_lane_us", figures.push_lane_us},
        {"unlogged_push_lane_us", figures.unlogged_push_lane_us},
        {"log_cost", figures.log_cost},
        {"recovery_s", figures.recovery_s}};
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print("one lane, one client, ipc: {} keys of {} floats a request, {} rows, {}\n", FLAGS_keys,
             FLAGS_dim, figures.rows, FLAGS_optimizer);
  fmt::print("pull  {:7.2f} M keys/s   p50 {:7.0f} us   p99 {:7.0f} us\n",
             figures.pull_keys_per_s / 1e6, figures.pull_p50_us, figures.pull_p99_us);
  fmt::print("push  {:7.2f} M keys/s   p50 {:7.0f} us   p99 {:7.0f} us\n",
             figures.push_keys_per_s / 1e6, figures.push_p50_us, figures.push_p99_us);
  fmt::print("push without a log {:7.2f} M keys/s\n", figures.unlogged_push_keys_per_s / 1e6);
  fmt::print(
      "processor time of the lane a push: {:.0f} us, {:.0f} us without a log: {} costs {:.1f} %\n",
      figures.push_lane_us, figures.unlogged_push_lane_us, FLAGS_durability,
      100 * figures.log_cost);
  fmt::print("memory {:6.1f} MiB of the lane\n",
             static_cast<double>(figures.resident_bytes) / (1024 * 1024));
  if (figures.recovery_s > 0) {
    fmt::print("served again {:.2f} s after its end, from images and log\n", figures.recovery_s);
  }
}

absl::Status RunBenchServer(const CommandLine&) {
  ServerBenchOptions options{.keys = FLAGS_keys,
                             .width = FLAGS_dim,
                             .rows = FLAGS_rows,
                             .seconds = FLAGS_seconds,
                             .optimizer = {}};
  if (!conf::Durability_Parse(FLAGS_durability, &options.durability)) {
    return absl::InvalidArgumentError(fmt::format(
        "--durability={}; PROCESS, POWER_LOSS and CHECKPOINT are allowed", FLAGS_durability));
  }
  CARAVAN_ASSIGN_OR_RETURN(options.optimizer, ParseOptimizer(FLAGS_optimizer));
  if (options.keys == 0 || options.keys > kKeysMax || options.width == 0 ||
      uint64_t{options.keys} * options.width > kFloatsMax || options.rows < options.keys ||
      options.rows > kRowFloatsMax / options.width || !(options.seconds > 0)) {
    return absl::InvalidArgumentError(fmt::format(
        "--keys={} --dim={} --rows={} --seconds={}: 1 to {} keys, at most {} floats a request, at "
        "least as many rows as keys and at most {} floats in all, some time",
        options.keys, options.width, options.rows, options.seconds, kKeysMax, kFloatsMax,
        kRowFloatsMax));
  }
  if (FLAGS_while_checkpointing) {
    if (!(FLAGS_load > 0 && FLAGS_load < 1) || FLAGS_rounds == 0) {
      return absl::InvalidArgumentError(fmt::format(
          "--load={} --rounds={}: a share between 0 and 1 of what the lane can take, at "
          "least one round",
          FLAGS_load, FLAGS_rounds));
    }
    CARAVAN_ASSIGN_OR_RETURN(
        const CheckpointBenchFigures waits,
        MeasureCheckpointWaits(options, FLAGS_load, static_cast<int>(FLAGS_rounds)));
    Print(waits);
    return absl::OkStatus();
  }
  CARAVAN_ASSIGN_OR_RETURN(const ServerBenchFigures figures, MeasureServer(options));
  Print(figures);
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kBenchServerCommand = {
    .name = "bench server",
    .summary = "speed of a lane through a real socket: keys/s and latency of pull and push",
    .usage =
        "[--keys=10000] [--dim=16] [--rows=300000] [--optimizer=adam] [--durability=PROCESS] "
        "[--while_checkpointing [--load=0.5] [--rounds=5]] [--seconds=2] [--json]",
    .example = "caravan bench server --keys=10000 --dim=16 --optimizer=adam",
    .flags = "keys dim rows optimizer durability while_checkpointing load rounds seconds json",
    .run = RunBenchServer,
};

}  // namespace caravan::launch
