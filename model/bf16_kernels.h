// The best kernels of this processor (model/kernels/kernels.h) with large products of factors
// rounded to bf16 (base/bf16.h); sums are float. Products of fewer than 2^17 multiply-adds, those
// in lanes, and all that is no product stay as they are: generated weights and linear maps are
// large.
#ifndef CARAVAN_MODEL_BF16_KERNELS_H_
#define CARAVAN_MODEL_BF16_KERNELS_H_

#include <cstdint>

#include "conf/job.pb.h"
#include "model/kernels/kernels.h"

namespace caravan::model {

// A product of two bf16 numbers is a float without rounding, so that both ways differ by the order
// of sums alone.
enum class Bf16Way : uint8_t {
  kInstructions,  // by oneDNN, with the processor's instructions; where it has none it imitates
                  // them at a fifth of the speed of float
  kRounding,      // factors are rounded, then multiplied as floats
};

const KernelSet<float>& Bf16Kernels(Bf16Way way);

// Whether the processor multiplies bf16 (AVX512_BF16).
bool HasBf16Instructions();

// Of worker.compute, the best way there is.
const KernelSet<float>& KernelsFor(conf::Precision compute);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_BF16_KERNELS_H_
