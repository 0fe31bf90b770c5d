// The two ways of model/ops/meta_weights.h, a file each.
#ifndef CARAVAN_MODEL_OPS_META_METHODS_H_
#define CARAVAN_MODEL_OPS_META_METHODS_H_

#include <cstddef>

#include "model/ops/meta_weights.h"

namespace caravan::model {

template <typename T>
void GenerateForward(const GeneratedMap<T>& map, const T* h, T* y, T* scratch);
template <typename T>
void GenerateBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient, T* scratch);
size_t GenerateScratch(size_t scenario, size_t lane_stride);

template <typename T>
void FactorForward(const GeneratedMap<T>& map, const T* h, T* y, T* scratch);
template <typename T>
void FactorBackward(const GeneratedMap<T>& map, const GeneratedGradient<T>& gradient, T* scratch);
size_t FactorScratch(size_t outputs, size_t scenario, size_t lane_stride);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_META_METHODS_H_
