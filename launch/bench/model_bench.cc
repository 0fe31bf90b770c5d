#include "launch/bench/model_bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/status_macros.h"
#include "model/count.h"
#include "model/executor.h"
#include "model/gemm.h"
#include "model/random_input.h"

namespace caravan::launch {
namespace {

constexpr double kPeakSeconds = 0.3;
constexpr uint64_t kRssUnit = 1024;  // of getrusage, on Linux

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Seconds of one call: the median over calls that fill `seconds`.
double MedianSeconds(double seconds, const std::function<void()>& call) {
  call();
  std::vector<double> times;
  const Clock::time_point start = Clock::now();
  do {
    const Clock::time_point begin = Clock::now();
    call();
    times.push_back(SecondsSince(begin));
  } while (SecondsSince(start) < seconds);
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

uint64_t PeakRssBytes() {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<uint64_t>(usage.ru_maxrss) * kRssUnit
                                             : 0;
}

}  // namespace

absl::StatusOr<ModelBenchFigures> BenchModel(const model::Graph& graph,
                                             const ModelBenchOptions& options) {
  CARAVAN_ASSIGN_OR_RETURN(const auto executor,
                           model::Executor::Create(graph, options.batch, options.threads));
  model::RandomInputOptions input_options;
  input_options.batch = options.batch;
  input_options.rows_per_table = options.rows_per_table;
  input_options.distinct_attributes = options.distinct_attributes;
  const model::RandomInput<float> random(graph, input_options);
  const model::ExecutorInput input = random.view();
  std::vector<float> dense_gradient(graph.parameter_elements());
  std::vector<std::vector<float>> row_gradients;
  for (const auto& rows : random.rows) row_gradients.emplace_back(rows.size());
  const std::vector<std::span<float>> row_spans(row_gradients.begin(), row_gradients.end());

  ModelBenchFigures figures;
  const double forward_s = MedianSeconds(options.seconds, [&] { executor->Forward(input); });
  const double step_s = MedianSeconds(
      options.seconds, [&] { executor->ForwardBackward(input, dense_gradient, row_spans); });
  const uint32_t distinct =
      options.distinct_attributes == 0 ? options.batch : options.distinct_attributes;
  const model::FlopCount flops = model::CountFlops(graph, options.batch, distinct);
  figures.samples_per_s = options.batch / step_s;
  figures.forward_samples_per_s = options.batch / forward_s;
  figures.gflop_per_s = (flops.forward + flops.backward) / step_s * 1e-9;
  figures.gemm_peak_gflop_per_s = model::MeasureGemmPeak(kPeakSeconds) * options.threads;
  figures.gemm_peak_share = figures.gflop_per_s / figures.gemm_peak_gflop_per_s;
  figures.step_mflop_per_sample = (flops.forward + flops.backward) / options.batch * 1e-6;
  figures.forward_mflop_per_sample = flops.forward / options.batch * 1e-6;
  figures.workspace_bytes = executor->workspace_bytes();
  figures.peak_rss_bytes = PeakRssBytes();
  figures.parameters = model::CountParameters(graph);
  return figures;
}

}  // namespace caravan::launch
