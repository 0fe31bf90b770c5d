// Every kernel of every instruction set that this machine has, against its definition, at sizes
// around those of the tiles.
#include "model/kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"

namespace caravan::model {
namespace {

class KernelsTest : public testing::TestWithParam<InstructionSet> {
 protected:
  const KernelSet<float>& kernels() const { return KernelsOf(GetParam()); }

  std::vector<float> Random(size_t size) {
    std::vector<float> values(size);
    for (float& value : values) value = static_cast<float>(stream_.NextNormal());
    return values;
  }

  void ExpectProduct(size_t rows, size_t columns, size_t inner, bool transposed,
                     ProductStart start) {
    const size_t a_rows = transposed ? inner : rows;
    const size_t a_stride = (transposed ? rows : inner) + 3;
    const size_t b_stride = PaddedLanes(columns) + 1;
    const size_t c_stride = columns + 2;
    const std::vector<float> a = Random(a_rows * a_stride);
    const std::vector<float> b = Random(inner * b_stride);
    const std::vector<float> starts = Random(rows);
    const std::vector<float> before = Random(rows * c_stride);
    std::vector<float> c = before;
    const size_t a_row = transposed ? 1 : a_stride;
    const size_t a_step = transposed ? a_stride : 1;
    kernels().multiply({.a = a.data(),
                        .a_row = a_row,
                        .a_step = a_step,
                        .b = b.data(),
                        .b_step = b_stride,
                        .c = c.data(),
                        .c_row = c_stride,
                        .rows = rows,
                        .columns = columns,
                        .inner = inner,
                        .start = start,
                        .row_start = starts.data()});
    for (size_t m = 0; m < rows; ++m) {
      for (size_t n = 0; n < c_stride; ++n) {
        const size_t at = m * c_stride + n;
        double expected = before[at];
        if (n < columns) {
          if (start == ProductStart::kZero) expected = 0;
          if (start == ProductStart::kRows) expected = starts[m];
          for (size_t k = 0; k < inner; ++k) {
            expected += static_cast<double>(a[m * a_row + k * a_step]) * b[k * b_stride + n];
          }
        }
        ASSERT_NEAR(c[at], expected, 1e-4 * std::sqrt(1.0 + static_cast<double>(inner)))
            << rows << " x " << columns << " x " << inner << " at " << m << ", " << n;
      }
    }
  }

  RandomStream stream_{7};
};

TEST_P(KernelsTest, Multiply) {
  const ProductStart starts[] = {ProductStart::kZero, ProductStart::kAdd, ProductStart::kRows};
  for (const size_t rows : {1, 2, 3, 5, 6, 7, 13, 25}) {
    for (const size_t columns : {1, 3, 4, 8, 15, 16, 17, 33, 48, 64, 65, 130}) {
      const size_t inner = (rows * 7 + columns) % 11 + 1;
      for (const ProductStart start : starts) {
        ExpectProduct(rows, columns, inner, false, start);
        ExpectProduct(rows, columns, inner, true, start);
      }
    }
  }
  ExpectProduct(31, 70, 300, true, ProductStart::kAdd);
}

TEST_P(KernelsTest, MultiplyLanes) {
  for (const size_t rows : {1, 2, 3, 4, 5, 16}) {
    for (const size_t columns : {1, 2, 3, 4, 5, 7, 8, 10, 13, 20}) {
      for (const bool adds : {false, true}) {
        const size_t inner = (rows + columns) % 6 + 1;
        const size_t lanes = kLaneMultiple;
        const LaneProduct<float> sizes = {.a_row = inner * (lanes + 3),
                                          .a_step = lanes + 3,
                                          .b_step = lanes + 1,
                                          .b_column = inner * (lanes + 1),
                                          .c_row = columns * (lanes + 5),
                                          .c_column = lanes + 5,
                                          .rows = rows,
                                          .columns = columns,
                                          .inner = inner,
                                          .adds = adds};
        const std::vector<float> a = Random(rows * sizes.a_row);
        const std::vector<float> b = Random(columns * sizes.b_column);
        const std::vector<float> before = Random(rows * sizes.c_row);
        std::vector<float> c = before;
        LaneProduct<float> product = sizes;
        product.a = a.data();
        product.b = b.data();
        product.c = c.data();
        kernels().multiply_lanes(product);
        for (size_t at = 0; at < c.size(); ++at) {
          const size_t m = at / sizes.c_row;
          const size_t n = at % sizes.c_row / sizes.c_column;
          const size_t l = at % sizes.c_column;
          double expected = adds || l >= lanes ? before[at] : 0;
          for (size_t k = 0; l < lanes && k < inner; ++k) {
            expected += static_cast<double>(a[m * sizes.a_row + k * sizes.a_step + l]) *
                        b[k * sizes.b_step + n * sizes.b_column + l];
          }
          ASSERT_NEAR(c[at], expected, 1e-4) << rows << " x " << columns << " at " << at;
        }
      }
    }
  }
}

// Every third row is missing: zeros in its lane, and nothing is written to it.
TEST_P(KernelsTest, RowsToLanesAndBack) {
  constexpr float kSlope = 0.1F;
  for (const size_t width : {1, 3, 4, 7, 8, 15, 16, 17, 32, 45}) {
    const size_t step = kLaneMultiple + 3;
    const std::vector<float> values = Random(kLaneMultiple * width);
    const float* from[kLaneMultiple];
    for (size_t i = 0; i < kLaneMultiple; ++i) {
      from[i] = i % 3 == 2 ? nullptr : &values[i * width];
    }
    std::vector<float> lanes(width * step, 99.0F);
    kernels().to_lanes({.width = width, .step = step}, from, lanes.data());
    for (size_t j = 0; j < width; ++j) {
      for (size_t i = 0; i < step; ++i) {
        const float missing = i < kLaneMultiple ? 0.0F : 99.0F;
        const bool has = i < kLaneMultiple && from[i] != nullptr;
        ASSERT_EQ(lanes[j * step + i], has ? from[i][j] : missing)
            << width << ": " << j << ", " << i;
      }
    }
    const std::vector<float> bias = Random(width * step);
    for (const bool activated : {false, true}) {
      for (const bool adds : {false, true}) {
        const std::vector<float> before = Random(kLaneMultiple * width);
        std::vector<float> out = before;
        float* to[kLaneMultiple];
        for (size_t i = 0; i < kLaneMultiple; ++i) {
          to[i] = from[i] == nullptr ? nullptr : &out[i * width];
        }
        kernels().from_lanes({.width = width,
                              .step = step,
                              .bias = activated ? bias.data() : nullptr,
                              .bias_step = step,
                              .slope = kSlope,
                              .adds = adds},
                             lanes.data(), to);
        for (size_t at = 0; at < out.size(); ++at) {
          const size_t i = at / width;
          const size_t j = at % width;
          float expected = values[at];
          if (activated) {
            const float z = values[at] + bias[j * step + i];
            expected = z > 0 ? z : kSlope * z;
          }
          if (adds) expected += before[at];
          ASSERT_NEAR(out[at], to[i] == nullptr ? before[at] : expected, 1e-5) << width;
        }
      }
    }
  }
}

TEST_P(KernelsTest, SoftmaxAndItsGradient) {
  constexpr float kScale = 0.7F;
  for (const size_t columns : {1, 3, 4, 8, 15, 16, 17, 40, 64}) {
    constexpr size_t kRows = 3;
    std::vector<float> z = Random(kRows * columns);
    z[0] = 60;  // beside it the others are nothing
    z[columns] = -200;
    std::vector<float> p = z;
    kernels().softmax(p.data(), kRows, columns, kScale);
    const std::vector<float> dp = Random(z.size());
    std::vector<float> dz = dp;
    kernels().softmax_backward(p.data(), kRows, columns, kScale, dz.data());
    for (size_t r = 0; r < kRows; ++r) {
      const size_t first = r * columns;
      double most = z[first];
      for (size_t i = 0; i < columns; ++i) most = std::max<double>(most, z[first + i]);
      double sum = 0;
      double along = 0;
      for (size_t i = 0; i < columns; ++i) sum += std::exp(kScale * (z[first + i] - most));
      for (size_t i = 0; i < columns; ++i)
        along += static_cast<double>(p[first + i]) * dp[first + i];
      for (size_t i = 0; i < columns; ++i) {
        const double expected = std::exp(kScale * (z[first + i] - most)) / sum;
        ASSERT_NEAR(p[first + i], expected, 1e-5 * expected + 1e-30)
            << columns << ": " << r << ", " << i;
        ASSERT_NEAR(dz[first + i], kScale * expected * (dp[first + i] - along), 1e-5);
      }
    }
  }
}

TEST_P(KernelsTest, AlignmentAndItsGradient) {
  constexpr size_t kTokens = 3;
  constexpr size_t kTasks = 2;
  for (const size_t width : {1, 3, 4, 8, 15, 16, 17, 40}) {
    std::vector<float> u = Random(kTokens * width);
    const std::vector<float> c = Random(kTasks * width);
    u[0] = 50;  // where tanh is 1, and exp of it could not be held
    u[width] = -c[0] + 1e-4F;
    const std::vector<float> v = Random(width);
    const Alignment<float> pairs = {u.data(), c.data(), v.data(), kTokens, kTasks, width};
    std::vector<float> scores(kTasks * kTokens, 99.0F);
    kernels().align(pairs, scores.data());
    const std::vector<float> d_scores = Random(scores.size());
    const std::vector<float> before = Random((kTokens + kTasks + 1) * width);
    std::vector<float> gradients = before;
    float* const du = gradients.data();
    float* const dc = du + kTokens * width;
    float* const dv = dc + kTasks * width;
    kernels().align_backward(pairs, {d_scores.data(), du, dc, dv});
    std::vector<double> expected(before.begin(), before.end());
    for (size_t t = 0; t < kTasks; ++t) {
      for (size_t j = 0; j < kTokens; ++j) {
        const size_t at = t * kTokens + j;
        double score = 0;
        for (size_t i = 0; i < width; ++i) {
          const double h = std::tanh(static_cast<double>(u[j * width + i] + c[t * width + i]));
          const double d_sum = d_scores[at] * v[i] * (1 - h * h);
          score += v[i] * h;
          expected[j * width + i] += d_sum;
          expected[(kTokens + t) * width + i] += d_sum;
          expected[(kTokens + kTasks) * width + i] += d_scores[at] * h;
        }
        ASSERT_NEAR(scores[at], score, 1e-5) << width << ": " << t << ", " << j;
      }
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(gradients[i], expected[i], 1e-5) << width << ": " << i;
    }
  }
}

TEST_P(KernelsTest, ProductsWithTheScenario) {
  for (const size_t lanes : {16, 32}) {
    const size_t columns = 3;
    const size_t scenario = 5;
    const size_t stride = lanes + 7;
    const std::vector<float> h = Random(columns * stride);
    const std::vector<float> s = Random(scenario * stride);
    std::vector<float> z(columns * scenario * stride, 99.0F);
    ScenarioProducts<float> products = {.h = h.data(),
                                        .s = s.data(),
                                        .lane_stride = stride,
                                        .columns = columns,
                                        .scenario = scenario,
                                        .lanes = lanes};
    kernels().form_products(products, z.data());
    const std::vector<float> dh_before = Random(h.size());
    const std::vector<float> ds_before = Random(s.size());
    std::vector<float> dh = dh_before;
    std::vector<float> ds = ds_before;
    products.dh = dh.data();
    products.ds = ds.data();
    kernels().reduce_products(products, z.data());
    for (size_t l = 0; l < stride; ++l) {
      const bool used = l < lanes;
      for (size_t j = 0; j < columns; ++j) {
        double expected = dh_before[j * stride + l];
        for (size_t c = 0; c < scenario; ++c) {
          const float product = used ? h[j * stride + l] * s[c * stride + l] : 99.0F;
          ASSERT_FLOAT_EQ(z[(j * scenario + c) * stride + l], product);
          if (used) expected += static_cast<double>(product) * s[c * stride + l];
        }
        ASSERT_NEAR(dh[j * stride + l], expected, 1e-4);
      }
      for (size_t c = 0; c < scenario; ++c) {
        double expected = ds_before[c * stride + l];
        for (size_t j = 0; used && j < columns; ++j) {
          expected += static_cast<double>(z[(j * scenario + c) * stride + l]) * h[j * stride + l];
        }
        ASSERT_NEAR(ds[c * stride + l], expected, 1e-4);
      }
    }
  }
}

TEST_P(KernelsTest, AddRowSums) {
  for (const size_t rows : {1, 3, 4, 9}) {
    const size_t lanes = 48;
    const size_t stride = 50;
    const std::vector<float> x = Random(rows * stride);
    const std::vector<float> before = Random(rows);
    std::vector<float> sums = before;
    kernels().add_row_sums(x.data(), stride, rows, lanes, sums.data());
    for (size_t m = 0; m < rows; ++m) {
      double expected = before[m];
      for (size_t l = 0; l < lanes; ++l) expected += x[m * stride + l];
      ASSERT_NEAR(sums[m], expected, 1e-4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Available, KernelsTest, testing::ValuesIn(AvailableInstructionSets()),
                         [](const auto& set) {
                           std::string name = KernelsOf(set.param).name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace caravan::model
