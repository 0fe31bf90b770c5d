#include "base/initial_value.h"

#include "base/random.h"

namespace caravan {
namespace {

float Draw(const InitialDistribution& distribution, RandomStream& stream) {
  switch (distribution.kind) {
    case InitialKind::kConstant:
      return distribution.scale;
    case InitialKind::kNormal:
      return distribution.scale * stream.NextNormal();
    case InitialKind::kUniform:
      return distribution.scale * (2.0F * stream.NextUniform() - 1.0F);
  }
  return 0;
}

}  // namespace

float InitialValue(const InitialDistribution& distribution, uint64_t seed, uint64_t name_hash,
                   uint64_t i) {
  RandomStream stream(seed, name_hash, i);
  return Draw(distribution, stream);
}

void InitialRow(const InitialDistribution& distribution, uint64_t seed, uint32_t table,
                uint64_t key, std::span<float> row) {
  RandomStream stream(seed, table, key);
  for (float& value : row) value = Draw(distribution, stream);
}

}  // namespace caravan
