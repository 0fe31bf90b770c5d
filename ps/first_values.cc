#include "ps/first_values.h"

#include "base/hash.h"

namespace caravan::ps {

InitialDistribution DistributionOf(const conf::Initializer& initializer) {
  switch (initializer.kind_case()) {
    case conf::Initializer::kNormalDeviation:
      return {.kind = InitialKind::kNormal, .scale = initializer.normal_deviation()};
    case conf::Initializer::kUniformLimit:
      return {.kind = InitialKind::kUniform, .scale = initializer.uniform_limit()};
    case conf::Initializer::kConstant:
    case conf::Initializer::KIND_NOT_SET:
      break;
  }
  return {.kind = InitialKind::kConstant, .scale = initializer.constant()};
}

void FillChunk(const conf::ModelSpec& model, uint64_t seed, const net::DenseChunk& chunk,
               std::span<float> weights) {
  const conf::DenseTensor& tensor = model.tensors(static_cast<int>(chunk.tensor));
  const InitialDistribution distribution = DistributionOf(tensor.initializer());
  const uint64_t name_hash = HashBytes(std::string_view(tensor.name()));
  for (uint64_t i = 0; i < chunk.size; ++i) {
    weights[i] = InitialValue(distribution, seed, name_hash, chunk.tensor_offset + i);
  }
}

}  // namespace caravan::ps
