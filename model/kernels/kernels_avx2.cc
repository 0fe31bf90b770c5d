#include "model/kernels/instruction_sets.h"
#include "model/kernels/vector_kernels.h"

namespace caravan::model {

extern constexpr KernelSet<float> kAvx2Kernels = KernelSetOf<Simd<float, 32, 16>>("AVX2");

}  // namespace caravan::model
