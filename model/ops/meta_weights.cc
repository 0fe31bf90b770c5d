#include "model/ops/meta_weights.h"

#include <algorithm>

#include "glog/logging.h"
#include "model/ops/meta_methods.h"

namespace caravan::model {

MetaCosts CostsOf(size_t scenario) {
  const auto s = static_cast<double>(scenario);
  return {.lane = 4 * s, .row = 3, .factored_row = 3 * (s + 1)};
}

MetaMethod ChooseMethod(size_t scenario, size_t rows, size_t samples, size_t lanes, size_t depth) {
  const MetaCosts costs = CostsOf(scenario);
  const auto generated_rows = static_cast<double>(lanes * depth * rows);
  const double generated = static_cast<double>(lanes) * costs.lane + generated_rows * costs.row;
  const double factored = static_cast<double>(PaddedLanes(samples)) * costs.factored_row;
  return rows == 1 && factored < generated ? MetaMethod::kFactor : MetaMethod::kGenerate;
}

template <typename T>
void ApplyGenerated(const GeneratedMap<T>& map, const T* h, T* y, std::span<T> scratch) {
  DCHECK_GE(scratch.size(),
            GeneratedScratchElements(map.outputs, map.columns, map.scenario, map.lane_stride));
  if (map.method == MetaMethod::kFactor) return FactorForward(map, h, y, scratch.data());
  GenerateForward(map, h, y, scratch.data());
}

template <typename T>
void ApplyGeneratedBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient,
                            std::span<T> scratch) {
  if (map.method == MetaMethod::kFactor) return FactorBackward(map, gradient, scratch.data());
  GenerateBackward(map, gradient, scratch.data());
}

size_t GeneratedScratchElements(size_t outputs, size_t /*columns*/, size_t scenario,
                                size_t lane_stride) {
  return std::max(GenerateScratch(scenario, lane_stride),
                  FactorScratch(outputs, scenario, lane_stride));
}

template void ApplyGenerated(const GeneratedMap<float>&, const float*, float*, std::span<float>);
template void ApplyGenerated(const GeneratedMap<double>&, const double*, double*,
                             std::span<double>);
template void ApplyGeneratedBackward(const GeneratedMap<float>&, const GeneratedGradient<float>&,
                                     std::span<float>);
template void ApplyGeneratedBackward(const GeneratedMap<double>&, const GeneratedGradient<double>&,
                                     std::span<double>);

}  // namespace caravan::model
