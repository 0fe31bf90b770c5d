#include "launch/bench/model_suite.h"

#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "launch/bench/synthetic_schema.h"
#include "model/net.h"

namespace caravan::launch {
namespace {

struct SuiteCase {
  const char* net;
  uint32_t view_width;
  conf::MetaScope scope = conf::TASK;
  uint32_t distinct = 0;
  uint32_t rank = 0;
  uint32_t threads = 1;
};

constexpr SuiteCase kCases[] = {
    {.net = "m2m", .view_width = 256},
    {.net = "m2m", .view_width = 256, .scope = conf::SHARED},
    {.net = "m2m", .view_width = 64},
    {.net = "m2m", .view_width = 64, .scope = conf::SHARED},
    {.net = "m2m", .view_width = 256, .distinct = 64},
    {.net = "m2m", .view_width = 256, .distinct = 16},
    {.net = "m2m", .view_width = 256, .scope = conf::SHARED, .distinct = 16},
    {.net = "m2m", .view_width = 256, .rank = 64},
    {.net = "m2m", .view_width = 256, .scope = conf::SHARED, .rank = 64},
    {.net = "m2m", .view_width = 256, .threads = 2},
    {.net = "m2m", .view_width = 256, .scope = conf::SHARED, .threads = 2},
    {.net = "m2m", .view_width = 64, .threads = 2},
    {.net = "m2m", .view_width = 64, .scope = conf::SHARED, .threads = 2},
    {.net = "m2m", .view_width = 256, .distinct = 64, .threads = 2},
    {.net = "m2m", .view_width = 256, .distinct = 16, .threads = 2},
    {.net = "shared_bottom", .view_width = 256},
    {.net = "mran", .view_width = 256},
    {.net = "mmoe", .view_width = 256},
    {.net = "cross_stitch", .view_width = 256},
    {.net = "cgc", .view_width = 256},
    {.net = "single_task", .view_width = 256},
};

std::string NameOf(const SuiteCase& one) {
  std::string name = fmt::format("{} {}", one.net, one.view_width);
  if (std::string_view(one.net) == "m2m") name += one.scope == conf::TASK ? " TASK" : " SHARED";
  if (one.distinct != 0) name += fmt::format(", {} distinct", one.distinct);
  if (one.rank != 0) name += fmt::format(", rank {}", one.rank);
  if (one.threads > 1) name += fmt::format(", {} threads", one.threads);
  return name;
}

absl::StatusOr<ModelBenchFigures> Run(conf::Job job, ModelBenchOptions options,
                                      const SuiteCase& one) {
  job.mutable_model()->set_net(one.net);
  job.mutable_model()->set_view_width(one.view_width);
  job.mutable_model()->mutable_meta()->set_scope(one.scope);
  job.mutable_model()->mutable_meta()->set_rank(one.rank);
  options.threads = one.threads;
  options.distinct_attributes = one.distinct;
  CARAVAN_ASSIGN_OR_RETURN(const auto graph, model::BuildNet(job, SyntheticSchema(job.data())));
  return BenchModel(*graph, options);
}

void PrintLine(const std::string& name, const ModelBenchFigures& figures, bool json) {
  constexpr double kMebi = 1024 * 1024;
  if (json) {
    const nlohmann::ordered_json line = {
        {"case", name},
        {"kernels", figures.kernels},
        {"samples_per_s", figures.samples_per_s},
        {"step_mflop_per_sample", figures.step_mflop_per_sample},
        {"gflop_per_s", figures.gflop_per_s},
        {"gemm_beside_gflop_per_s", figures.gemm_beside_gflop_per_s},
        {"gemm_peak_gflop_per_s", figures.gemm_peak_gflop_per_s},
        {"workspace_bytes", figures.workspace_bytes},
        {"forward_workspace_bytes", figures.forward_workspace_bytes},
        {"parameters", figures.parameters}};
    fmt::print("{}\n", line.dump());
  } else {
    fmt::print(
        "{:<28}{:>11.0f}{:>9.1f}{:>9.1f}{:>8.1f} {:>4.0f} %{:>8.1f} {:>4.0f} %{:>7.0f}"
        "{:>6.0f}{:>9.2f}\n",
        name, figures.samples_per_s, figures.step_mflop_per_sample, figures.gflop_per_s,
        figures.gemm_beside_gflop_per_s, 100 * figures.gemm_beside_share,
        figures.gemm_peak_gflop_per_s, 100 * figures.gemm_peak_share,
        static_cast<double>(figures.workspace_bytes) / kMebi,
        static_cast<double>(figures.forward_workspace_bytes) / kMebi,
        static_cast<double>(figures.parameters) * 1e-6);
  }
  std::fflush(stdout);
}

void PrintHeader(const std::string& kernels) {
  fmt::print("kernels {}\n", kernels);
  fmt::print("{:<28}{:>11}{:>9}{:>9}{:>15}{:>15}{:>13}{:>9}\n", "", "", "MFLOP a", "",
             "median large", "best large", "MiB, train", "10^6 pa-");
  fmt::print("{:<28}{:>11}{:>9}{:>9}{:>15}{:>15}{:>13}{:>9}\n", "net", "samples/s", "sample",
             "GFLOP/s", "product: share", "product: share", "and evaluate", "rameters");
}

}  // namespace

absl::Status RunModelSuite(const conf::Job& job, const ModelBenchOptions& options, bool json) {
  for (const SuiteCase& one : kCases) {
    CARAVAN_ASSIGN_OR_RETURN(const ModelBenchFigures figures, Run(job, options, one));
    if (!json && &one == std::begin(kCases)) PrintHeader(figures.kernels);
    PrintLine(NameOf(one), figures, json);
  }
  return absl::OkStatus();
}

}  // namespace caravan::launch
