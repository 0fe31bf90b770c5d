// Products of bf16 matrices by oneDNN, on the calling thread alone.
#ifndef CARAVAN_MODEL_BF16_PRODUCT_H_
#define CARAVAN_MODEL_BF16_PRODUCT_H_

#include <cstddef>
#include <cstdint>

#include "model/gemm.h"

namespace caravan::model {

// C = A B, or C += A B where `adds`; as Gemm of model/gemm.h, sums in float. A's and B's rows lie
// one behind the other (stride = columns as stored). A thread keeps prepared what it multiplies: a
// few dozen sizes, which follow from the net and from lanes in steps of kLaneMultiple.
void Bf16Gemm(const Matrix<const uint16_t>& a, const Matrix<const uint16_t>& b, bool adds,
              const Matrix<float>& c);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_BF16_PRODUCT_H_
