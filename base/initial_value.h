// First values of parameters. They follow from the seed and the parameter's place alone, so that
// server, worker, checkpoint and export draw the same ones wherever and in whatever order.
#ifndef CARAVAN_BASE_INITIAL_VALUE_H_
#define CARAVAN_BASE_INITIAL_VALUE_H_

#include <cstdint>
#include <span>

namespace caravan {

enum class InitialKind : uint8_t {
  kConstant,  // scale itself
  kNormal,    // N(0, scale^2)
  kUniform,   // U(-scale, scale)
};

struct InitialDistribution {
  InitialKind kind = InitialKind::kConstant;
  float scale = 0;
};

// Element `i` of the dense tensor whose name hashes (HashBytes) to `name_hash`.
float InitialValue(const InitialDistribution& distribution, uint64_t seed, uint64_t name_hash,
                   uint64_t i);

// The row of `key` in `table`: its elements are drawn in order from one stream of the two.
void InitialRow(const InitialDistribution& distribution, uint64_t seed, uint32_t table,
                uint64_t key, std::span<float> row);

}  // namespace caravan

#endif  // CARAVAN_BASE_INITIAL_VALUE_H_
