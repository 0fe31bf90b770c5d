// How much damage tests do to files. Few bits in CI; CARAVAN_FLIPS=10000 in the environment is the
// full number (docs/guarantees.md).
#ifndef CARAVAN_TESTS_STORAGE_DAMAGE_H_
#define CARAVAN_TESTS_STORAGE_DAMAGE_H_

#include <cstdlib>
#include <string>

#include "base/random.h"

namespace caravan::storage {

inline int FlipsWanted(int in_ci) {
  const char* const wanted = std::getenv("CARAVAN_FLIPS");
  return wanted == nullptr ? in_ci : std::max(in_ci, std::atoi(wanted));
}

inline void FlipOneBit(RandomStream& stream, std::string& content) {
  content[stream.NextBelow(content.size())] ^= static_cast<char>(1 << stream.NextBelow(8));
}

}  // namespace caravan::storage

#endif  // CARAVAN_TESTS_STORAGE_DAMAGE_H_
