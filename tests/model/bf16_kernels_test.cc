#include "model/bf16_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/bf16.h"
#include "base/random.h"
#include "model/executor.h"
#include "model/net.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

std::vector<float> RandomValues(size_t size, uint64_t seed) {
  RandomStream stream(seed);
  std::vector<float> values(size);
  for (float& value : values) value = static_cast<float>(stream.NextNormal());
  return values;
}

double Rounded(float value) { return FromBf16(ToBf16(value)); }

std::vector<Bf16Way> Ways() {
  std::vector<Bf16Way> ways = {Bf16Way::kRounding};
  // oneDNN's products of bf16 need AVX-512.
  if (AvailableInstructionSets().back() == InstructionSet::kAvx512) {
    ways.push_back(Bf16Way::kInstructions);
  }
  return ways;
}

// Of rounded factors: what is left are sums of floats, in another order.
constexpr double kTolerance = 2e-4;

TEST(Bf16KernelsTest, GemmMultipliesRoundedFactors) {
  constexpr size_t kRows = 65;
  constexpr size_t kColumns = 48;
  constexpr size_t kInner = 70;
  constexpr size_t kPad = 3;
  for (const Bf16Way way : Ways()) {
    for (const bool a_transposed : {false, true}) {
      for (const bool b_transposed : {false, true}) {
        for (const float beta : {0.0F, 1.0F, 0.5F}) {
          const size_t a_stride = (a_transposed ? kRows : kInner) + kPad;
          const size_t b_stride = (b_transposed ? kInner : kColumns) + kPad;
          const std::vector<float> a = RandomValues(a_stride * (kRows + kInner), 1);
          const std::vector<float> b = RandomValues(b_stride * (kColumns + kInner), 2);
          Matrix<const float> a_matrix(a.data(), a_transposed ? kInner : kRows, a_stride - kPad,
                                       a_stride);
          Matrix<const float> b_matrix(b.data(), b_transposed ? kColumns : kInner, b_stride - kPad,
                                       b_stride);
          a_matrix.transposed = a_transposed;
          b_matrix.transposed = b_transposed;
          const std::vector<float> before = RandomValues(kRows * (kColumns + kPad), 3);
          std::vector<float> after = before;
          Bf16Kernels(way).gemm(1, a_matrix, b_matrix, beta,
                                Matrix<float>(after.data(), kRows, kColumns, kColumns + kPad));
          // By instructions a beta that is neither 0 nor 1 is left to floats.
          const bool rounds = way == Bf16Way::kRounding || beta != 0.5F;
          for (size_t i = 0; i < kRows; ++i) {
            for (size_t j = 0; j < kColumns; ++j) {
              const size_t at = i * (kColumns + kPad) + j;
              double sum = beta * before[at];
              for (size_t p = 0; p < kInner; ++p) {
                const float x = a[a_transposed ? p * a_stride + i : i * a_stride + p];
                const float y = b[b_transposed ? j * b_stride + p : p * b_stride + j];
                sum += rounds ? Rounded(x) * Rounded(y) : static_cast<double>(x) * y;
              }
              ASSERT_NEAR(after[at], sum, kTolerance) << i << " " << j << " beta " << beta;
            }
            for (size_t j = kColumns; j < kColumns + kPad; ++j) {
              const size_t at = i * (kColumns + kPad) + j;
              ASSERT_EQ(after[at], before[at]) << "outside of C";
            }
          }
        }
      }
    }
  }
}

TEST(Bf16KernelsTest, ProductsRoundLargeOnesAlone) {
  constexpr size_t kInner = 64;
  constexpr size_t kColumns = 60;  // readable to 64
  constexpr size_t kStride = 80;
  for (const Bf16Way way : Ways()) {
    for (const size_t rows : {size_t{16}, size_t{64}}) {
      for (const bool transposed : {false, true}) {
        for (const ProductStart start :
             {ProductStart::kZero, ProductStart::kAdd, ProductStart::kRows}) {
          const std::vector<float> a = RandomValues(kStride * kStride, 4);
          const std::vector<float> b = RandomValues(kInner * kStride, 5);
          const std::vector<float> row_start = RandomValues(rows, 6);
          const std::vector<float> before = RandomValues(rows * kStride, 7);
          std::vector<float> after = before;
          Bf16Kernels(way).multiply({.a = a.data(),
                                     .a_row = transposed ? 1 : kStride,
                                     .a_step = transposed ? kStride : 1,
                                     .b = b.data(),
                                     .b_step = kStride,
                                     .c = after.data(),
                                     .c_row = kStride,
                                     .rows = rows,
                                     .columns = kColumns,
                                     .inner = kInner,
                                     .start = start,
                                     .row_start = row_start.data()});
          const bool rounds = rows == 64;
          for (size_t i = 0; i < rows; ++i) {
            for (size_t j = 0; j < kColumns; ++j) {
              double sum = start == ProductStart::kRows  ? row_start[i]
                           : start == ProductStart::kAdd ? before[i * kStride + j]
                                                         : 0;
              for (size_t p = 0; p < kInner; ++p) {
                const float x = a[transposed ? p * kStride + i : i * kStride + p];
                const float y = b[p * kStride + j];
                sum += rounds ? Rounded(x) * Rounded(y) : static_cast<double>(x) * y;
              }
              ASSERT_NEAR(after[i * kStride + j], sum, kTolerance) << i << " " << j;
            }
            for (size_t j = kColumns; j < kStride; ++j) {
              ASSERT_EQ(after[i * kStride + j], before[i * kStride + j]) << "outside of C";
            }
          }
        }
      }
    }
  }
}

// A whole step: near that of floats, the same by both ways, and not that of floats.
TEST(Bf16KernelsTest, StepsAreNearThoseOfFloats) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_view_width(40);
  const auto graph = BuildNet(job, SmallSchema());
  ASSERT_TRUE(graph.ok()) << graph.status();
  constexpr uint32_t kBatch = 96;
  RandomInputOptions options;
  options.batch = kBatch;
  const RandomInput<float> input(**graph, options);
  const auto gradient_by = [&](const KernelSet<float>& kernels, uint32_t threads) {
    const auto executor =
        *Executor::Create(**graph, kBatch, threads, RunnerPurpose::kTrain, kernels);
    std::vector<float> dense((*graph)->parameter_elements());
    std::vector<std::vector<float>> rows;
    for (const auto& values : input.rows) rows.emplace_back(values.size());
    const std::vector<std::span<float>> spans(rows.begin(), rows.end());
    executor->ForwardBackward(input.view(), dense, spans);
    return dense;
  };
  const auto apart = [](std::span<const float> a, std::span<const float> b) {
    double difference = 0;
    double size = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      size += b[i] * b[i];
    }
    return std::sqrt(difference / size);
  };
  const std::vector<float> exact = gradient_by(BestKernels<float>(), 1);
  const std::vector<float> rounded = gradient_by(Bf16Kernels(Bf16Way::kRounding), 1);
  EXPECT_GT(apart(rounded, exact), 1e-4);
  EXPECT_LT(apart(rounded, exact), 0.03);
  for (const Bf16Way way : Ways()) {
    for (const uint32_t threads : {1U, 2U}) {
      EXPECT_LT(apart(gradient_by(Bf16Kernels(way), threads), rounded), 0.01);
    }
  }
}

}  // namespace
}  // namespace caravan::model
