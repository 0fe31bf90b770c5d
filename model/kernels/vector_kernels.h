// The kernels of model/kernels/kernels.h, for vectors of any width, compiled by kernels_plain.cc,
// kernels_avx2.cc and kernels_avx512.cc for an instruction set each; no other file may include it,
// nor the files it is made of. They call nothing that the linker could share between files, lest
// instructions of one set end up in code meant for all.
#ifndef CARAVAN_MODEL_KERNELS_VECTOR_KERNELS_H_
#define CARAVAN_MODEL_KERNELS_VECTOR_KERNELS_H_

#include "model/kernels/alignment_kernels.h"
#include "model/kernels/kernels.h"
#include "model/kernels/lane_kernels.h"
#include "model/kernels/product_kernel.h"
#include "model/kernels/row_kernels.h"
#include "model/kernels/simd.h"

namespace caravan::model {
namespace {

template <typename S>
constexpr KernelSet<typename S::Number> KernelSetOf(const char* name) {
  return {.name = name,
          .gemm = Gemm,
          .multiply = Multiply<S>,
          .multiply_lanes = MultiplyLanes<S>,
          .form_products = FormProducts<S>,
          .reduce_products = ReduceProducts<S>,
          .add_row_sums = AddRowSums<S>,
          .to_lanes = ToLanes<S>,
          .from_lanes = FromLanes<S>,
          .softmax = Softmax<S>,
          .softmax_backward = SoftmaxBackward<S>,
          .align = Align<S>,
          .align_backward = AlignBackward<S>};
}

}  // namespace
}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_VECTOR_KERNELS_H_
