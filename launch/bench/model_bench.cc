#include "launch/bench/model_bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/huge_pages.h"
#include "base/status_macros.h"
#include "base/thread_time.h"
#include "model/bf16_kernels.h"
#include "model/count.h"
#include "model/executor.h"
#include "model/gemm.h"
#include "model/op.h"
#include "model/random_input.h"

namespace caravan::launch {
namespace {

// Between two steps, and before the first.
constexpr double kPeakSeconds = 0.02;
constexpr uint64_t kRssUnit = 1024;  // of getrusage, on Linux
constexpr uint64_t kDrawnParameters = 65521;
constexpr size_t kStepsMin = 5;

double ElapsedSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Large products on all threads at once, so that what they share (a core, its clock) shows.
class Beside {
 public:
  explicit Beside(uint32_t threads) : meters_(threads) {}
  void Run() {
    std::vector<std::thread> others;
    for (size_t i = 1; i < meters_.size(); ++i) {
      others.emplace_back([this, i] { meters_[i].Run(kPeakSeconds); });
    }
    meters_[0].Run(kPeakSeconds);
    for (std::thread& other : others) other.join();
  }
  // Of all threads together.
  double best() const { return Sum(&model::GemmMeter::best); }
  double median() const { return Sum(&model::GemmMeter::median); }

 private:
  double Sum(double (model::GemmMeter::*figure)() const) const {
    double sum = 0;
    for (const model::GemmMeter& meter : meters_) sum += (meter.*figure)();
    return sum;
  }

  std::vector<model::GemmMeter> meters_;
};

struct Measured {
  double median_s = 0;  // of a call
  size_t calls = 0;
};

// Calls that fill `seconds`, large products between them.
Measured Measure(const ModelBenchOptions& options, Beside& beside,
                 const std::function<void()>& call) {
  const auto now = [&] { return options.threads == 1 ? ThreadSeconds() : ElapsedSeconds(); };
  std::vector<double> times;
  double total = 0;
  while (total < options.seconds || times.size() < kStepsMin) {
    beside.Run();
    const double begin = now();
    call();
    times.push_back(now() - begin);
    total += times.back();
  }
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return {*middle, times.size()};
}

uint64_t PeakRssBytes() {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<uint64_t>(usage.ru_maxrss) * kRssUnit
                                             : 0;
}

// Means over `steps`.
std::vector<OpFigures> FiguresOfOps(const model::Graph& graph, const model::OpTimes& times,
                                    size_t steps, uint32_t batch, uint32_t distinct) {
  std::vector<OpFigures> figures;
  for (size_t i = 0; i < graph.ops().size(); ++i) {
    const model::FlopCount flops = graph.ops()[i]->CountSharedFlops(batch, distinct);
    const double forward_s = times.forward_s[i] / static_cast<double>(steps);
    const double backward_s = times.backward_s[i] / static_cast<double>(steps);
    const double seconds = std::max(forward_s + backward_s, 1e-12);
    figures.push_back({.name = graph.ops()[i]->name(),
                       .forward_ms = 1e3 * forward_s,
                       .backward_ms = 1e3 * backward_s,
                       .gflop_per_s = (flops.forward + flops.backward) / seconds * 1e-9});
  }
  return figures;
}

}  // namespace

absl::StatusOr<ModelBenchFigures> BenchModel(const model::Graph& graph,
                                             const ModelBenchOptions& options) {
  model::RandomInputOptions input_options;
  input_options.batch = options.batch;
  input_options.rows_per_table = options.rows_per_table;
  input_options.distinct_attributes = options.distinct_attributes;
  input_options.drawn_max = kDrawnParameters;

  const model::KernelSet<float>& kernels = model::KernelsFor(options.compute);
  ModelBenchFigures figures;
  figures.kernels = kernels.name;
  Beside beside(options.threads);
  CARAVAN_ASSIGN_OR_RETURN(auto executor,
                           model::Executor::Create(graph, options.batch, options.threads,
                                                   model::RunnerPurpose::kEvaluate, kernels));
  const model::RandomInput<float> random(graph, input_options);
  const model::ExecutorInput input = random.view();
  executor->Forward(input);
  const Measured forward = Measure(options, beside, [&] { executor->Forward(input); });
  figures.forward_workspace_bytes = executor->workspace_bytes();

  CARAVAN_ASSIGN_OR_RETURN(executor,
                           model::Executor::Create(graph, options.batch, options.threads,
                                                   model::RunnerPurpose::kTrain, kernels));
  auto dense_gradient = ReserveHugePages<float>(graph.parameter_elements());
  dense_gradient.resize(graph.parameter_elements());
  std::vector<std::vector<float>> row_gradients;
  for (const auto& rows : random.rows) row_gradients.emplace_back(rows.size());
  const std::vector<std::span<float>> row_spans(row_gradients.begin(), row_gradients.end());
  const auto step = [&] { executor->ForwardBackward(input, dense_gradient, row_spans); };
  step();
  model::OpTimes times;
  if (options.threads == 1) executor->RecordTimes(times);
  const Measured whole = Measure(options, beside, step);

  const uint32_t distinct =
      options.distinct_attributes == 0 ? options.batch : options.distinct_attributes;
  if (options.threads == 1) {
    figures.ops = FiguresOfOps(graph, times, whole.calls, options.batch, distinct);
  }
  const model::FlopCount flops = model::CountFlops(graph, options.batch, distinct);
  figures.samples_per_s = options.batch / whole.median_s;
  figures.forward_samples_per_s = options.batch / forward.median_s;
  figures.gflop_per_s = (flops.forward + flops.backward) / whole.median_s * 1e-9;
  figures.gemm_peak_gflop_per_s = beside.best();
  figures.gemm_beside_gflop_per_s = beside.median();
  figures.gemm_peak_share = figures.gflop_per_s / figures.gemm_peak_gflop_per_s;
  figures.gemm_beside_share = figures.gflop_per_s / figures.gemm_beside_gflop_per_s;
  figures.step_mflop_per_sample = (flops.forward + flops.backward) / options.batch * 1e-6;
  figures.forward_mflop_per_sample = flops.forward / options.batch * 1e-6;
  figures.workspace_bytes = executor->workspace_bytes();
  figures.peak_rss_bytes = PeakRssBytes();
  figures.parameters = model::CountParameters(graph);
  return figures;
}

}  // namespace caravan::launch
