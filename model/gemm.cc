#include "model/gemm.h"

#include <oneapi/dnnl/dnnl.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>
#include <vector>

#include "base/thread_time.h"
#include "glog/logging.h"
#include "model/one_thread.h"

namespace caravan::model {
namespace {

// Below it the call into oneDNN costs more than it saves (5 x 32 x 32: 23 against 30 GFLOP/s).
constexpr size_t kSmallProduct = 8192;

template <typename T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename T>
using ConstMap = Eigen::Map<const RowMajor<T>, 0, Eigen::OuterStride<>>;

template <typename T>
ConstMap<T> MapOf(const Matrix<const T>& matrix) {
  return ConstMap<T>(matrix.data, static_cast<Eigen::Index>(matrix.rows),
                     static_cast<Eigen::Index>(matrix.columns),
                     Eigen::OuterStride<>(static_cast<Eigen::Index>(matrix.stride)));
}

template <typename T>
void EigenGemm(T alpha, const Matrix<const T>& a, const Matrix<const T>& b, T beta,
               const Matrix<T>& c) {
  Eigen::Map<RowMajor<T>, 0, Eigen::OuterStride<>> out(
      c.data, static_cast<Eigen::Index>(c.rows), static_cast<Eigen::Index>(c.columns),
      Eigen::OuterStride<>(static_cast<Eigen::Index>(c.stride)));
  if (beta == T{0}) {
    out.setZero();
  } else if (beta != T{1}) {
    out *= beta;
  }
  const ConstMap<T> left = MapOf(a);
  const ConstMap<T> right = MapOf(b);
  if (a.transposed && b.transposed) {
    out.noalias() += alpha * left.transpose() * right.transpose();
  } else if (a.transposed) {
    out.noalias() += alpha * left.transpose() * right;
  } else if (b.transposed) {
    out.noalias() += alpha * left * right.transpose();
  } else {
    out.noalias() += alpha * left * right;
  }
}

template <typename T>
void CheckSizes(const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c) {
  DCHECK(!c.transposed);
  DCHECK_EQ(a.view_columns(), b.view_rows());
  DCHECK_EQ(a.view_rows(), c.rows);
  DCHECK_EQ(b.view_columns(), c.columns);
}

}  // namespace

void Gemm(float alpha, const Matrix<const float>& a, const Matrix<const float>& b, float beta,
          const Matrix<float>& c) {
  CheckSizes(a, b, c);
  const size_t inner = a.view_columns();
  if (c.rows * c.columns * inner <= kSmallProduct) {
    EigenGemm(alpha, a, b, beta, c);
    return;
  }
  UseOneThread();
  const dnnl_status_t status = dnnl_sgemm(
      a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', static_cast<dnnl_dim_t>(c.rows),
      static_cast<dnnl_dim_t>(c.columns), static_cast<dnnl_dim_t>(inner), alpha, a.data,
      static_cast<dnnl_dim_t>(a.stride), b.data, static_cast<dnnl_dim_t>(b.stride), beta, c.data,
      static_cast<dnnl_dim_t>(c.stride));
  CHECK_EQ(status, dnnl_success) << c.rows << " x " << c.columns << " x " << inner;
}

void Gemm(double alpha, const Matrix<const double>& a, const Matrix<const double>& b, double beta,
          const Matrix<double>& c) {
  CheckSizes(a, b, c);
  EigenGemm(alpha, a, b, beta, c);
}

namespace {

constexpr size_t kMeterSize = 512;
// Rows a power of two apart fall into few sets of the first-level cache, and rows that begin within
// a cache line cost a second one: with AVX2 on Zen 3 61 and 88 GFLOP/s where this has 95.
constexpr size_t kMeterStride = kMeterSize + 16;
constexpr double kMeterFlop = 2.0 * kMeterSize * kMeterSize * kMeterSize;

struct alignas(64) MeterMatrix {  // a cache line
  float numbers[kMeterSize * kMeterStride];
};

}  // namespace

void GemmMeter::Run(double seconds) {
  const auto matrices = std::make_unique<std::array<MeterMatrix, 3>>();
  MeterMatrix& a = (*matrices)[0];
  MeterMatrix& b = (*matrices)[1];
  MeterMatrix& c = (*matrices)[2];
  std::ranges::fill(a.numbers, 0.5F);
  std::ranges::fill(b.numbers, 0.25F);
  const auto multiply = [&] {
    Gemm(1.0F, Matrix<const float>(a.numbers, kMeterSize, kMeterSize, kMeterStride),
         Matrix<const float>(b.numbers, kMeterSize, kMeterSize, kMeterStride), 0.0F,
         Matrix<float>(c.numbers, kMeterSize, kMeterSize, kMeterStride));
  };
  multiply();  // caches filled anew
  const double start = ThreadSeconds();
  do {
    const double begin = ThreadSeconds();
    multiply();
    seconds_.push_back(ThreadSeconds() - begin);
  } while (ThreadSeconds() - start < seconds);
}

double GemmMeter::best() const { return kMeterFlop / *std::ranges::min_element(seconds_) * 1e-9; }

double GemmMeter::median() const {
  std::vector<double> sorted = seconds_;
  std::ranges::sort(sorted);
  return kMeterFlop / sorted[sorted.size() / 2] * 1e-9;
}

}  // namespace caravan::model
