#include "model/kernels/kernels.h"

#include "model/kernels/instruction_sets.h"

namespace caravan::model {

std::vector<InstructionSet> AvailableInstructionSets() {
  std::vector<InstructionSet> sets = {InstructionSet::kPlain};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back(InstructionSet::kAvx2);
    if (__builtin_cpu_supports("avx512f")) sets.push_back(InstructionSet::kAvx512);
  }
  return sets;
}

const KernelSet<float>& KernelsOf(InstructionSet instructions) {
  switch (instructions) {
    case InstructionSet::kAvx2:
      return kAvx2Kernels;
    case InstructionSet::kAvx512:
      return kAvx512Kernels;
    case InstructionSet::kPlain:
      break;
  }
  return kPlainKernels;
}

template <>
const KernelSet<float>& BestKernels<float>() {
  static const KernelSet<float>& best = KernelsOf(AvailableInstructionSets().back());
  return best;
}

template <>
const KernelSet<double>& BestKernels<double>() {
  return kPlainDoubleKernels;
}

}  // namespace caravan::model
