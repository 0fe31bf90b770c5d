#include <gflags/gflags.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "conf/job_loader.h"
#include "fmt/format.h"
#include "launch/bench/model_bench.h"
#include "launch/bench/model_suite.h"
#include "launch/bench/synthetic_schema.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "model/net.h"

DEFINE_string(net, "", "net to measure; the job's where empty");
DEFINE_uint32(batch, 256, "samples a batch");
DEFINE_uint32(threads, 1, "compute threads that split a batch");
DEFINE_uint32(distinct, 0, "distinct (scenario, profile) rows in a batch; 0: every sample its own");
DEFINE_double(seconds, 2, "how long each kind of work is measured");
DEFINE_bool(ops, false, "with one thread: also what each op takes of a step");
DEFINE_bool(suite, false,
            "the table of docs/performance.md: M2M at the paper's sizes and the other nets");

namespace caravan::launch {
namespace {

constexpr uint32_t kBatchMax = 65536;

nlohmann::ordered_json JsonOf(const ModelBenchFigures& figures) {
  nlohmann::ordered_json json = {{"kernels", figures.kernels},
                                 {"samples_per_s", figures.samples_per_s},
                                 {"forward_samples_per_s", figures.forward_samples_per_s},
                                 {"gflop_per_s", figures.gflop_per_s},
                                 {"gemm_peak_gflop_per_s", figures.gemm_peak_gflop_per_s},
                                 {"gemm_peak_share", figures.gemm_peak_share},
                                 {"gemm_beside_gflop_per_s", figures.gemm_beside_gflop_per_s},
                                 {"gemm_beside_share", figures.gemm_beside_share},
                                 {"step_mflop_per_sample", figures.step_mflop_per_sample},
                                 {"forward_mflop_per_sample", figures.forward_mflop_per_sample},
                                 {"workspace_bytes", figures.workspace_bytes},
                                 {"forward_workspace_bytes", figures.forward_workspace_bytes},
                                 {"peak_rss_bytes", figures.peak_rss_bytes},
                                 {"parameters", figures.parameters}};
  if (!FLAGS_ops) return json;
  for (const OpFigures& op : figures.ops) {
    json["ops"].push_back({{"name", op.name},
                           {"forward_ms", op.forward_ms},
                           {"backward_ms", op.backward_ms},
                           {"gflop_per_s", op.gflop_per_s}});
  }
  return json;
}

void PrintOps(const ModelBenchFigures& figures) {
  fmt::print("\n{:<34}{:>12}{:>13}{:>12}\n", "op", "forward ms", "backward ms", "GFLOP/s");
  for (const OpFigures& op : figures.ops) {
    fmt::print("{:<34}{:>12.2f}{:>13.2f}{:>12.1f}\n", op.name, op.forward_ms, op.backward_ms,
               op.gflop_per_s);
  }
}

void Print(const ModelBenchFigures& figures, const std::string& net) {
  if (FLAGS_json) {
    nlohmann::ordered_json json = {
        {"net", net}, {"batch", FLAGS_batch}, {"threads", FLAGS_threads}};
    json.update(JsonOf(figures));
    fmt::print("{}\n", json.dump());
    return;
  }
  constexpr double kMebi = 1024 * 1024;
  fmt::print("{}, batch {}, {} thread{}, {} dense parameters, kernels {}\n", net, FLAGS_batch,
             FLAGS_threads, FLAGS_threads == 1 ? "" : "s", figures.parameters, figures.kernels);
  fmt::print("whole step  {:10.0f} samples/s  {:8.1f} MFLOP/sample\n", figures.samples_per_s,
             figures.step_mflop_per_sample);
  fmt::print("forward     {:10.0f} samples/s  {:8.1f} MFLOP/sample\n",
             figures.forward_samples_per_s, figures.forward_mflop_per_sample);
  fmt::print(
      "products    {:10.1f} GFLOP/s    {:8.0f} % of {:.1f} GFLOP/s, the best large product, {:.0f} "
      "% of {:.1f}, their median between the steps\n",
      figures.gflop_per_s, 100 * figures.gemm_peak_share, figures.gemm_peak_gflop_per_s,
      100 * figures.gemm_beside_share, figures.gemm_beside_gflop_per_s);
  fmt::print(
      "memory      {:10.1f} MiB workspace ({:.1f} to evaluate), {:.1f} MiB peak of the "
      "process\n",
      static_cast<double>(figures.workspace_bytes) / kMebi,
      static_cast<double>(figures.forward_workspace_bytes) / kMebi,
      static_cast<double>(figures.peak_rss_bytes) / kMebi);
  if (FLAGS_ops) PrintOps(figures);
}

absl::Status RunBenchModel(const CommandLine& line) {
  if (FLAGS_job.empty()) {
    return absl::InvalidArgumentError("--job=FILE is needed: it gives the net's sizes");
  }
  if (FLAGS_batch == 0 || FLAGS_batch > kBatchMax) {
    return absl::InvalidArgumentError(
        fmt::format("--batch={}; 1 to {} are allowed", FLAGS_batch, kBatchMax));
  }
  CARAVAN_ASSIGN_OR_RETURN(conf::Job job, conf::LoadJob(FLAGS_job, line.overrides));
  if (!FLAGS_net.empty()) job.mutable_model()->set_net(FLAGS_net);
  ModelBenchOptions options;
  options.batch = FLAGS_batch;
  options.threads = FLAGS_threads;
  options.distinct_attributes = FLAGS_distinct;
  options.seconds = FLAGS_seconds;
  options.compute = job.worker().compute();
  if (FLAGS_suite) return RunModelSuite(job, options, FLAGS_json);
  CARAVAN_ASSIGN_OR_RETURN(const auto graph, model::BuildNet(job, SyntheticSchema(job.data())));
  CARAVAN_ASSIGN_OR_RETURN(const ModelBenchFigures figures, BenchModel(*graph, options));
  Print(figures, job.model().net());
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kBenchModelCommand = {
    .name = "bench model",
    .summary = "measures training and forward speed of a net on synthetic inputs",
    .usage =
        "--job=FILE [--net=NAME] [--batch=N] [--threads=N] [--distinct=N] [--ops] "
        "[--suite] [--json]",
    .example = "caravan bench model --job=conf/us_flights/job.txtpb --batch=256 --threads=1",
    .flags = "job net batch threads distinct seconds ops suite json set",
    .run = RunBenchModel,
};

}  // namespace caravan::launch
