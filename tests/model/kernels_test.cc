// Every kernel of every instruction set that this machine has, against its definition, at sizes
// around those of the tiles.
#include "model/kernels/kernels.h"

#include <gtest/gtest.h>

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

TEST_P(KernelsTest, ApplyAndItsGradient) {
  for (const size_t outputs : {1, 2, 4, 5}) {
    for (const size_t rows : {1, 2, 3, 4, 7, 20}) {
      for (const size_t lanes : {16, 48, 80}) {
        const size_t columns = 1 + (outputs + rows) % 5;
        const size_t stride = lanes + 5;
        const size_t w_row = lanes + 1;
        const std::vector<float> w = Random(outputs * columns * w_row);
        const std::vector<float> h = Random(columns * rows * stride);
        const std::vector<float> y_before = Random(outputs * rows * stride);
        std::vector<float> y = y_before;
        kernels().apply({.w = w.data(),
                         .w_row = w_row,
                         .h = h.data(),
                         .y = y.data(),
                         .lane_stride = stride,
                         .outputs = outputs,
                         .columns = columns,
                         .rows = rows,
                         .lanes = lanes});
        // Its own result serves as dz.
        const std::vector<float> dh_before = Random(h.size());
        std::vector<float> dh = dh_before;
        std::vector<float> dw(outputs * columns * stride, 99.0F);
        kernels().apply_backward({.w = w.data(),
                                  .w_row = w_row,
                                  .h = h.data(),
                                  .dz = y.data(),
                                  .dh = dh.data(),
                                  .dw = dw.data(),
                                  .lane_stride = stride,
                                  .outputs = outputs,
                                  .columns = columns,
                                  .rows = rows,
                                  .lanes = lanes});
        std::vector<double> y_expected(y_before.begin(), y_before.end());
        std::vector<double> dh_expected(dh_before.begin(), dh_before.end());
        std::vector<double> dw_expected(dw.size(), 99.0);
        for (size_t i = 0; i < outputs; ++i) {
          for (size_t j = 0; j < columns; ++j) {
            for (size_t l = 0; l < lanes; ++l) {
              const double weight = w[(i * columns + j) * w_row + l];
              double& gradient = dw_expected[(i * columns + j) * stride + l];
              gradient = 0;
              for (size_t r = 0; r < rows; ++r) {
                const size_t z_at = (i * rows + r) * stride + l;
                const size_t h_at = (j * rows + r) * stride + l;
                y_expected[z_at] += weight * h[h_at];
                dh_expected[h_at] += weight * y[z_at];
                gradient += static_cast<double>(y[z_at]) * h[h_at];
              }
            }
          }
        }
        for (size_t at = 0; at < y.size(); ++at) ASSERT_NEAR(y[at], y_expected[at], 1e-4);
        for (size_t at = 0; at < dh.size(); ++at) ASSERT_NEAR(dh[at], dh_expected[at], 1e-3);
        for (size_t at = 0; at < dw.size(); ++at) ASSERT_NEAR(dw[at], dw_expected[at], 1e-3);
      }
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
