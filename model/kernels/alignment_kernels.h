// KernelSet::align and ::align_backward: tanh of all sums of a token and a task, which are formed
// in registers, forward and once more backward, and never stored.
#ifndef CARAVAN_MODEL_KERNELS_ALIGNMENT_KERNELS_H_
#define CARAVAN_MODEL_KERNELS_ALIGNMENT_KERNELS_H_

#include "model/kernels/kernels.h"
#include "model/kernels/row_kernels.h"
#include "model/kernels/simd.h"

namespace caravan::model {
namespace {

// tanh(x). In single precision, with z = x^2 and u = |x|, an odd polynomial below 0.625 (Moshier's
// Cephes) and 1 - 2 / (exp(2u) + 1) above: below 2e-7 off, relatively.
template <typename S>
[[gnu::always_inline]] inline typename S::Vector Tanh(typename S::Vector x) {
  using Vector = typename S::Vector;
  if constexpr (sizeof(typename S::Number) == sizeof(double)) {
    for (size_t i = 0; i < S::kLanes; ++i) x[i] = __builtin_tanh(x[i]);
    return x;
  } else {
    constexpr float kSmall = 0.625F;
    const Vector u = x < 0.0F ? -x : x;
    // exp of what is at most 0, which never overflows: tanh(u) = 1 - 2e / (1 + e), e = exp(-2u).
    const Vector e = Exp<S>(u * -2.0F);
    const Vector large = 1.0F - (e + e) / (e + 1.0F);
    const Vector z = x * x;
    Vector p = Vector{} - 5.70498872745e-3F;
    p = p * z + 2.06390887954e-2F;
    p = p * z - 5.37397155531e-2F;
    p = p * z + 1.33314422036e-1F;
    p = p * z - 3.33332819422e-1F;
    const Vector small = p * z * x + x;
    const Vector signed_large = x < 0.0F ? -large : large;
    return u < kSmall ? small : signed_large;
  }
}

// Columns [first, first + kLanes) of a row, zeros behind its end.
template <typename S>
[[gnu::always_inline]] inline typename S::Vector LoadColumns(const typename S::Number* row,
                                                             size_t first, size_t width) {
  return first + S::kLanes <= width ? Load<S>(row + first) : LoadPart<S>(row, first, width, 0);
}

template <typename S>
[[gnu::always_inline]] inline void AddColumns(typename S::Vector sum, typename S::Number* row,
                                              size_t first, size_t width) {
  sum += LoadColumns<S>(row, first, width);
  if (first + S::kLanes <= width) {
    Store<S>(row + first, sum);
  } else {
    StorePart<S>(sum, row, first, width);
  }
}

template <typename S>
void Align(const Alignment<typename S::Number>& p, typename S::Number* scores) {
  for (size_t t = 0; t < p.task_count; ++t) {
    const typename S::Number* task = p.tasks + t * p.width;
    for (size_t j = 0; j < p.token_count; ++j) {
      const typename S::Number* token = p.tokens + j * p.width;
      typename S::Vector sum = {};
      for (size_t i = 0; i < p.width; i += S::kLanes) {
        sum += LoadColumns<S>(p.vector, i, p.width) *
               Tanh<S>(LoadColumns<S>(token, i, p.width) + LoadColumns<S>(task, i, p.width));
      }
      scores[t * p.token_count + j] = Total<S>(sum);
    }
  }
}

// A vector of columns after the other, each of which meets all pairs.
template <typename S>
void AlignBackward(const Alignment<typename S::Number>& p,
                   const AlignmentGradient<typename S::Number>& gradient) {
  using Vector = typename S::Vector;
  for (size_t i = 0; i < p.width; i += S::kLanes) {
    const Vector v = LoadColumns<S>(p.vector, i, p.width);
    Vector d_vector = {};
    for (size_t t = 0; t < p.task_count; ++t) {
      const Vector task = LoadColumns<S>(p.tasks + t * p.width, i, p.width);
      Vector d_task = {};
      for (size_t j = 0; j < p.token_count; ++j) {
        const typename S::Number d_score = gradient.scores[t * p.token_count + j];
        const Vector h = Tanh<S>(LoadColumns<S>(p.tokens + j * p.width, i, p.width) + task);
        d_vector += d_score * h;
        const Vector d_sum = v * d_score * (typename S::Number{1} - h * h);
        d_task += d_sum;
        AddColumns<S>(d_sum, gradient.tokens + j * p.width, i, p.width);
      }
      AddColumns<S>(d_task, gradient.tasks + t * p.width, i, p.width);
    }
    AddColumns<S>(d_vector, gradient.vector, i, p.width);
  }
}

}  // namespace
}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_ALIGNMENT_KERNELS_H_
