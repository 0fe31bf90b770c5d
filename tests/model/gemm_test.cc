#include "model/gemm.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace caravan::model {
namespace {

template <typename T>
std::vector<T> RandomValues(size_t size, RandomStream& stream) {
  std::vector<T> values(size);
  for (T& value : values) value = static_cast<T>(stream.NextNormal());
  return values;
}

// Against the definition, with strides and both sides of the size where the library changes.
template <typename T>
void ExpectProduct(size_t m, size_t n, size_t k, bool a_transposed, bool b_transposed, T beta) {
  RandomStream stream(m * 1000 + n * 10 + k);
  const size_t pad = 3;
  const size_t a_rows = a_transposed ? k : m;
  const size_t b_rows = b_transposed ? n : k;
  Matrix<const T> a(nullptr, a_rows, m * k / a_rows, m * k / a_rows + pad);
  Matrix<const T> b(nullptr, b_rows, n * k / b_rows, n * k / b_rows + pad);
  const std::vector<T> a_values = RandomValues<T>(a.rows * a.stride, stream);
  const std::vector<T> b_values = RandomValues<T>(b.rows * b.stride, stream);
  a.data = a_values.data();
  b.data = b_values.data();
  const std::vector<T> before = RandomValues<T>(m * (n + pad), stream);
  std::vector<T> after = before;
  Gemm(T{2}, a_transposed ? a.Transposed() : a, b_transposed ? b.Transposed() : b, beta,
       Matrix<T>(after.data(), m, n, n + pad));
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t p = 0; p < k; ++p) {
        const T x = a_transposed ? a.data[p * a.stride + i] : a.data[i * a.stride + p];
        const T y = b_transposed ? b.data[j * b.stride + p] : b.data[p * b.stride + j];
        sum += static_cast<double>(x) * y;
      }
      const size_t at = i * (n + pad) + j;
      ASSERT_NEAR(after[at], 2 * sum + beta * before[at], 1e-3) << m << "x" << n << "x" << k;
    }
    for (size_t j = n; j < n + pad; ++j) {
      ASSERT_EQ(after[i * (n + pad) + j], before[i * (n + pad) + j]) << "outside of C";
    }
  }
}

template <typename T>
void ExpectAllForms() {
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      for (const T beta : {T{0}, T{1}, T{0.5}}) {
        ExpectProduct<T>(3, 4, 5, a_transposed, b_transposed, beta);
        ExpectProduct<T>(1, 40, 7, a_transposed, b_transposed, beta);
        ExpectProduct<T>(33, 1, 9, a_transposed, b_transposed, beta);
        ExpectProduct<T>(40, 41, 42, a_transposed, b_transposed, beta);
      }
    }
  }
}

TEST(GemmTest, FloatFollowsTheDefinition) { ExpectAllForms<float>(); }
TEST(GemmTest, DoubleFollowsTheDefinition) { ExpectAllForms<double>(); }

TEST(GemmTest, MeterMeasures) {
  GemmMeter meter;
  meter.Run(0.01);
  meter.Run(0.01);
  EXPECT_GT(meter.median(), 0.1);
  EXPECT_GE(meter.best(), meter.median());
}

}  // namespace
}  // namespace caravan::model
