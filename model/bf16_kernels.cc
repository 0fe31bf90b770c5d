#include "model/bf16_kernels.h"

#include <algorithm>
#include <span>
#include <vector>

#include "base/bf16.h"
#include "model/bf16_product.h"

namespace caravan::model {
namespace {

// Multiply-adds below which rounding costs more than it saves.
constexpr size_t kSmallProduct = size_t{1} << 17U;

// Grows to the largest product of the thread. U: uint16_t of bf16, or float that has been rounded.
template <typename U>
U* Room(size_t which, size_t elements) {
  thread_local std::vector<U> rooms[2];
  std::vector<U>& room = rooms[which];
  if (room.size() < elements) room.resize(elements);
  return room.data();
}

// `matrix` as it is stored, its rows one behind the other, in the thread's room `which`.
template <typename U>
Matrix<const U> Rounded(const Matrix<const float>& matrix, size_t which) {
  U* const out = Room<U>(which, matrix.rows * matrix.columns);
  for (size_t row = 0; row < matrix.rows; ++row) {
    RoundToBf16({matrix.data + row * matrix.stride, matrix.columns},
                std::span<U>(out + row * matrix.columns, matrix.columns));
  }
  Matrix<const U> rounded(out, matrix.rows, matrix.columns);
  rounded.transposed = matrix.transposed;
  return rounded;
}

bool IsSmall(const Matrix<const float>& a, const Matrix<float>& c) {
  return c.rows * c.columns * a.view_columns() < kSmallProduct;
}

void GemmRounded(float alpha, const Matrix<const float>& a, const Matrix<const float>& b,
                 float beta, const Matrix<float>& c) {
  if (IsSmall(a, c)) return Gemm(alpha, a, b, beta, c);
  Gemm(alpha, Rounded<float>(a, 0), Rounded<float>(b, 1), beta, c);
}

void GemmByInstructions(float alpha, const Matrix<const float>& a, const Matrix<const float>& b,
                        float beta, const Matrix<float>& c) {
  if (alpha != 1 || (beta != 0 && beta != 1) || IsSmall(a, c)) return Gemm(alpha, a, b, beta, c);
  Bf16Gemm(Rounded<uint16_t>(a, 0), Rounded<uint16_t>(b, 1), beta == 1, c);
}

// A of a product as a matrix; false where its numbers lie at steps both ways.
bool IsMatrix(const Product<float>& product, Matrix<const float>& a) {
  if (product.a_step == 1) {
    a = {product.a, product.rows, product.inner, product.a_row};
    return true;
  }
  a = {product.a, product.inner, product.rows, product.a_step};
  a.transposed = true;
  return product.a_row == 1;
}

void MultiplyRounded(const Product<float>& product) {
  const auto multiply = BestKernels<float>().multiply;
  Matrix<const float> a(nullptr, 0, 0);
  if (product.rows * product.columns * product.inner < kSmallProduct || !IsMatrix(product, a)) {
    return multiply(product);
  }
  const Matrix<const float> rounded_a = Rounded<float>(a, 0);
  const Matrix<const float> rounded_b =
      Rounded<float>({product.b, product.inner, PaddedLanes(product.columns), product.b_step}, 1);
  Product<float> rounded = product;
  rounded.a = rounded_a.data;
  (rounded_a.transposed ? rounded.a_step : rounded.a_row) = rounded_a.stride;
  rounded.b = rounded_b.data;
  rounded.b_step = rounded_b.stride;
  multiply(rounded);
}

void MultiplyByInstructions(const Product<float>& product) {
  Matrix<const float> a(nullptr, 0, 0);
  if (product.rows * product.columns * product.inner < kSmallProduct || !IsMatrix(product, a)) {
    return BestKernels<float>().multiply(product);
  }
  if (product.start == ProductStart::kRows) {
    for (size_t row = 0; row < product.rows; ++row) {
      std::fill_n(product.c + row * product.c_row, product.columns, product.row_start[row]);
    }
  }
  const Matrix<const float> b(product.b, product.inner, product.columns, product.b_step);
  Bf16Gemm(Rounded<uint16_t>(a, 0), Rounded<uint16_t>(b, 1), product.start != ProductStart::kZero,
           {product.c, product.rows, product.columns, product.c_row});
}

KernelSet<float> WithProducts(const char* name, decltype(KernelSet<float>::gemm) gemm,
                              decltype(KernelSet<float>::multiply) multiply) {
  KernelSet<float> kernels = BestKernels<float>();
  kernels.name = name;
  kernels.gemm = gemm;
  kernels.multiply = multiply;
  return kernels;
}

}  // namespace

const KernelSet<float>& Bf16Kernels(Bf16Way way) {
  static const KernelSet<float> by_instructions =
      WithProducts("bf16", GemmByInstructions, MultiplyByInstructions);
  static const KernelSet<float> rounding =
      WithProducts("bf16 by rounding", GemmRounded, MultiplyRounded);
  return way == Bf16Way::kInstructions ? by_instructions : rounding;
}

bool HasBf16Instructions() { return __builtin_cpu_supports("avx512bf16") != 0; }

const KernelSet<float>& KernelsFor(conf::Precision compute) {
  if (compute == conf::FLOAT32) return BestKernels<float>();
  return Bf16Kernels(HasBf16Instructions() ? Bf16Way::kInstructions : Bf16Way::kRounding);
}

}  // namespace caravan::model
