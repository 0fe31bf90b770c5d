// The kernel sets by the files that define them; model/kernels/kernels.h chooses among them.
#ifndef CARAVAN_MODEL_KERNELS_INSTRUCTION_SETS_H_
#define CARAVAN_MODEL_KERNELS_INSTRUCTION_SETS_H_

#include "model/kernels/kernels.h"

namespace caravan::model {

extern const KernelSet<float> kPlainKernels;
extern const KernelSet<double> kPlainDoubleKernels;
extern const KernelSet<float> kAvx2Kernels;
extern const KernelSet<float> kAvx512Kernels;

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_KERNELS_INSTRUCTION_SETS_H_
