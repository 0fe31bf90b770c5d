// A transposed copy of rows, by the kernels that lay rows in lanes.
#ifndef CARAVAN_MODEL_KERNELS_TRANSPOSE_H_
#define CARAVAN_MODEL_KERNELS_TRANSPOSE_H_

#include <cstddef>

#include "model/kernels/kernels.h"

namespace caravan::model {

// out(j, i) = rows(i, j), with rows(i, j) = rows[i * row_stride + j], i < count, j < width, and
// out(j, i) = out[j * out_stride + i]. Zeros from out(j, count) to out(j, PaddedLanes(count)).
template <typename T>
void Transpose(const KernelSet<T>& kernels, const T* rows, size_t row_stride, size_t count,
               size_t width, T* out, size_t out_stride) {
  for (size_t first = 0; first < count; first += kLaneMultiple) {
    const T* group[kLaneMultiple];
    for (size_t i = 0; i < kLaneMultiple; ++i) {
      group[i] = first + i < count ? rows + (first + i) * row_stride : nullptr;
    }
    kernels.to_lanes({.width = width, .step = out_stride}, group, out + first);
  }
}

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_TRANSPOSE_H_
