#include "model/kernels/instruction_sets.h"
#include "model/kernels/vector_kernels.h"

namespace caravan::model {

// 16 bytes: what the least processor of the build has.
extern constexpr KernelSet<float> kPlainKernels = KernelSetOf<Simd<float, 16, 16>>("plain");
extern constexpr KernelSet<double> kPlainDoubleKernels = KernelSetOf<Simd<double, 16, 16>>("plain");

}  // namespace caravan::model
