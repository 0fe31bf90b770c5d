// How parameters start, by the kind of part they belong to.
#ifndef CARAVAN_MODEL_INITIALIZERS_H_
#define CARAVAN_MODEL_INITIALIZERS_H_

#include <cmath>
#include <cstdint>

#include "conf/model_spec.pb.h"

namespace caravan::model {

// Deviation of embedding rows of sequences and positions: small beside the unit-sized dense
// features, so that the first steps follow these and the rows grow where they help.
inline constexpr float kSequenceEmbeddingDeviation = 0.1F;
// Of scenario, profile and task rows. They decide the size of S~ and so of every generated weight.
inline constexpr float kAttributeEmbeddingDeviation = 0.3F;

// Of V_b: a generated bias starts near zero.
inline constexpr double kMetaBiasDeviation = 0.01;

inline conf::Initializer ConstantInitializer(float value) {
  conf::Initializer initializer;
  initializer.set_constant(value);
  return initializer;
}

inline conf::Initializer NormalInitializer(double deviation) {
  conf::Initializer initializer;
  initializer.set_normal_deviation(static_cast<float>(deviation));
  return initializer;
}

// He et al., ICCV 2015: N(0, 2 / inputs).
inline conf::Initializer HeNormalInitializer(uint64_t inputs) {
  return NormalInitializer(std::sqrt(2.0 / static_cast<double>(inputs)));
}

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_INITIALIZERS_H_
