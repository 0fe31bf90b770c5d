// How fast the products of the meta layers and of the attention encoders are alone, on aligned
// arrays in the caches: what a step can reach at most (docs/performance.md, the roofline).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

#include "model/kernels/kernels.h"

namespace caravan::model {
namespace {

// As they are called at d = 64, s = 64, T = 40, 256 lanes.
struct Shape {
  const char* name;
  size_t rows, columns, inner;
  size_t a_row, a_step, b_step, c_row;
  ProductStart start;
};
constexpr Shape kShapes[] = {
    {"FormW", 256, 64, 64, 64, 1, 272, 80, ProductStart::kRows},
    {"WeightMapGradient", 16, 64, 256, 272, 1, 64, 64, ProductStart::kZero},
    {"ScenarioGradient", 256, 64, 256, 1, 272, 64, 64, ProductStart::kAdd},
    {"HeadOf40", 40, 40, 40, 240, 1, 48, 40, ProductStart::kZero},
    {"HeadOf56", 40, 56, 40, 40, 1, 336, 112, ProductStart::kZero},
    {"EncoderMap", 120, 112, 112, 112, 1, 112, 112, ProductStart::kZero},
    {"EncoderMapGradient", 336, 112, 120, 1, 336, 112, 112, ProductStart::kAdd},
};

// A panel of W applied to the rows of 16 lanes, as model/ops/meta_generated.cc does it: 20 rows of
// meta attention, 5 of a tower.
struct LaneShape {
  const char* name;
  size_t rows, columns, inner;
  size_t a_row, a_step, b_step, b_column, c_row, c_column;
  bool adds;
};
constexpr LaneShape kLaneShapes[] = {
    {"ApplyTo20", 16, 20, 16, 16 * 80, 80, 320, 16, 320, 16, true},
    {"InputGradientOf20", 16, 20, 16, 80, 16 * 80, 320, 16, 320, 16, true},
    {"WeightGradientOf20", 16, 16, 20, 320, 16, 16, 320, 16 * 272, 272, false},
    {"ApplyTo5", 16, 5, 16, 16 * 80, 80, 80, 16, 80, 16, true},
    {"InputGradientOf5", 16, 5, 16, 80, 16 * 80, 80, 16, 80, 16, true},
    {"WeightGradientOf5", 16, 16, 5, 80, 16, 16, 80, 16 * 272, 272, false},
};

constexpr size_t kElements = size_t{1} << 17;  // no factor of a shape has more
constexpr std::align_val_t kAlignment{64};

struct Free {
  void operator()(float* array) const { ::operator delete(array, kAlignment); }
};
std::unique_ptr<float, Free> Ones() {
  auto* array = static_cast<float*>(::operator new(kElements * sizeof(float), kAlignment));
  std::fill_n(array, kElements, 1.0F);
  return std::unique_ptr<float, Free>(array);
}

template <typename Run>
void Measure(benchmark::State& state, size_t multiply_adds, const Run& run) {
  for (auto _ : state) {
    run();
    benchmark::ClobberMemory();
  }
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(multiply_adds),
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void RunProduct(benchmark::State& state, const Shape& shape) {
  const KernelSet<float>& kernels = BestKernels<float>();
  const auto a = Ones();
  const auto b = Ones();
  const auto c = Ones();
  const auto start = Ones();
  const Product<float> product = {.a = a.get(),
                                  .a_row = shape.a_row,
                                  .a_step = shape.a_step,
                                  .b = b.get(),
                                  .b_step = shape.b_step,
                                  .c = c.get(),
                                  .c_row = shape.c_row,
                                  .rows = shape.rows,
                                  .columns = shape.columns,
                                  .inner = shape.inner,
                                  .start = shape.start,
                                  .row_start = start.get(),
                                  .ahead = {}};
  Measure(state, shape.rows * shape.columns * shape.inner, [&] { kernels.multiply(product); });
}

void RunLaneProduct(benchmark::State& state, const LaneShape& shape) {
  const KernelSet<float>& kernels = BestKernels<float>();
  const auto a = Ones();
  const auto b = Ones();
  const auto c = Ones();
  const LaneProduct<float> product = {.a = a.get(),
                                      .a_row = shape.a_row,
                                      .a_step = shape.a_step,
                                      .b = b.get(),
                                      .b_step = shape.b_step,
                                      .b_column = shape.b_column,
                                      .c = c.get(),
                                      .c_row = shape.c_row,
                                      .c_column = shape.c_column,
                                      .rows = shape.rows,
                                      .columns = shape.columns,
                                      .inner = shape.inner,
                                      .adds = shape.adds};
  Measure(state, kLaneMultiple * shape.rows * shape.columns * shape.inner,
          [&] { kernels.multiply_lanes(product); });
}

void Register() {
  for (const Shape& shape : kShapes) {
    benchmark::RegisterBenchmark(shape.name,
                                 [&shape](benchmark::State& state) { RunProduct(state, shape); });
  }
  for (const LaneShape& shape : kLaneShapes) {
    benchmark::RegisterBenchmark(
        shape.name, [&shape](benchmark::State& state) { RunLaneProduct(state, shape); });
  }
}

}  // namespace
}  // namespace caravan::model

int main(int argc, char** argv) {
  caravan::model::Register();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
