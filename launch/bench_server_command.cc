#include <gflags/gflags.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/server_bench.h"

DEFINE_uint32(keys, 10000, "keys of a pull or push");
DEFINE_uint32(dim, 16, "floats a row");
DEFINE_uint64(rows, 300000, "rows of the table");
DEFINE_string(optimizer, "adam", "adam, adagrad, sgd or ftrl");
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

void Print(const ServerBenchFigures& figures) {
  if (FLAGS_json) {
    const nlohmann::ordered_json json = {{"keys", FLAGS_keys},
                                         {"dim", FLAGS_dim},
                                         {"optimizer", FLAGS_optimizer},
                                         {"rows", figures.rows},
                                         {"pull_keys_per_s", figures.pull_keys_per_s},
                                         {"push_keys_per_s", figures.push_keys_per_s},
                                         {"pull_p50_us", figures.pull_p50_us},
                                         {"pull_p99_us", figures.pull_p99_us},
                                         {"push_p50_us", figures.push_p50_us},
                                         {"push_p99_us", figures.push_p99_us},
                                         {"resident_bytes", figures.resident_bytes}};
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print("one lane, one client, ipc: {} keys of {} floats a request, {} rows, {}\n", FLAGS_keys,
             FLAGS_dim, figures.rows, FLAGS_optimizer);
  fmt::print("pull  {:7.2f} M keys/s   p50 {:7.0f} us   p99 {:7.0f} us\n",
             figures.pull_keys_per_s / 1e6, figures.pull_p50_us, figures.pull_p99_us);
  fmt::print("push  {:7.2f} M keys/s   p50 {:7.0f} us   p99 {:7.0f} us\n",
             figures.push_keys_per_s / 1e6, figures.push_p50_us, figures.push_p99_us);
  fmt::print("memory {:6.1f} MiB of the lane\n",
             static_cast<double>(figures.resident_bytes) / (1024 * 1024));
}

absl::Status RunBenchServer(const CommandLine&) {
  ServerBenchOptions options{.keys = FLAGS_keys,
                             .width = FLAGS_dim,
                             .rows = FLAGS_rows,
                             .seconds = FLAGS_seconds,
                             .optimizer = {}};
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
    .usage = "[--keys=10000] [--dim=16] [--rows=300000] [--optimizer=adam] [--seconds=2] [--json]",
    .example = "caravan bench server --keys=10000 --dim=16 --optimizer=adam",
    .flags = "keys dim rows optimizer seconds json",
    .run = RunBenchServer,
};

}  // namespace caravan::launch
