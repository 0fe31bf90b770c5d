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
  for (auto _ : state) {
    kernels.multiply(product);
    benchmark::ClobberMemory();
  }
  const double flops = 2.0 * static_cast<double>(shape.rows * shape.columns * shape.inner);
  state.counters["FLOP/s"] =
      benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

void Register() {
  for (const Shape& shape : kShapes) {
    benchmark::RegisterBenchmark(shape.name,
                                 [&shape](benchmark::State& state) { RunProduct(state, shape); });
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
