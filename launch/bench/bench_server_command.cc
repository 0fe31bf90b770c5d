#include <gflags/gflags.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "launch/bench/server_bench.h"
#include "launch/commands.h"
#include "launch/flags.h"

DEFINE_uint32(keys, 10000, "keys of a pull or push");
DEFINE_uint32(dim, 16, "floats a row");
DEFINE_uint64(rows, 300000, "rows of the table");
DEFINE_string(optimizer, "adam", "adam, adagrad, sgd or ftrl");
DEFINE_string(durability, "PROCESS", "PROCESS, POWER_LOSS or CHECKPOINT (no log)");
DEFINE_bool(while_checkpointing, false, "measure while checkpoints are written, too");
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

nlohmann::ordered_json ToJson(const MixedFigures& figures) {
  return {{"seconds", figures.seconds},
          {"requests", figures.requests},
          {"pull_p99_us", figures.pull_p99_us},
          {"push_p99_us", figures.push_p99_us},
          {"longest_us", figures.longest_us}};
}

void PrintMixed(std::string_view name, const MixedFigures& figures) {
  fmt::print(
      "{:22} {:6.2f} s {:7} requests   p99: pull {:6.0f} us, push {:6.0f} us   longest {:6.0f} "
      "us\n",
      name, figures.seconds, figures.requests, figures.pull_p99_us, figures.push_p99_us,
      figures.longest_us);
}

void Print(const ServerBenchFigures& figures) {
  if (FLAGS_json) {
    nlohmann::ordered_json json = {{"keys", FLAGS_keys},
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
                                   {"log_cost", figures.log_cost}};
    if (FLAGS_while_checkpointing) {
      json["quiet"] = ToJson(figures.quiet);
      json["checkpoint"] = ToJson(figures.checkpoint);
      json["second_checkpoint"] = ToJson(figures.second_checkpoint);
    }
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print("one lane, one client, ipc: {} keys of {} floats a request, {} rows, {}\n", FLAGS_keys,
             FLAGS_dim, figures.rows, FLAGS_optimizer);
  fmt::print("pull  {:7.2f} M keys/s   p50 {:7.0f} us   p99 {:7.0f} us\n",
             figures.pull_keys_per_s / 1e6, figures.pull_p50_us, figures.pull_p99_us);
  fmt::print("push  {:7.2f} M keys/s   p50 {:7.0f} us   p99 {:7.0f} us\n",
             figures.push_keys_per_s / 1e6, figures.push_p50_us, figures.push_p99_us);
  fmt::print("push without a log {:7.2f} M keys/s: {} costs {:.1f} %\n",
             figures.unlogged_push_keys_per_s / 1e6, FLAGS_durability, 100 * figures.log_cost);
  fmt::print("memory {:6.1f} MiB of the lane\n",
             static_cast<double>(figures.resident_bytes) / (1024 * 1024));
  if (!FLAGS_while_checkpointing) return;
  PrintMixed("no checkpoint", figures.quiet);
  PrintMixed("first checkpoint", figures.checkpoint);
  PrintMixed("second checkpoint", figures.second_checkpoint);
}

absl::Status RunBenchServer(const CommandLine&) {
  ServerBenchOptions options{.keys = FLAGS_keys,
                             .width = FLAGS_dim,
                             .rows = FLAGS_rows,
                             .seconds = FLAGS_seconds,
                             .optimizer = {},
                             .checkpoint = FLAGS_while_checkpointing};
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
        "[--while_checkpointing] [--seconds=2] [--json]",
    .example = "caravan bench server --keys=10000 --dim=16 --optimizer=adam",
    .flags = "keys dim rows optimizer durability while_checkpointing seconds json",
    .run = RunBenchServer,
};

}  // namespace caravan::launch
