#include "model/kernels/instruction_sets.h"
#include "model/kernels/vector_kernels.h"

namespace caravan::model {

extern constexpr KernelSet<float> kAvx512Kernels = KernelSetOf<Simd<float, 64, 32>>("AVX-512");

}  // namespace caravan::model
