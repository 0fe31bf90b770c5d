#include "base/freed_memory.h"

#include <malloc.h>

#include <cstdlib>

namespace caravan {

void KeepFreedMemory() {
#ifdef __GLIBC__
  const auto set = [](const char* variable, int parameter, int value) {
    if (std::getenv(variable) == nullptr) mallopt(parameter, value);
  };
  set("MALLOC_MMAP_THRESHOLD_", M_MMAP_THRESHOLD, 32 << 20);  // the most that it takes
  set("MALLOC_TRIM_THRESHOLD_", M_TRIM_THRESHOLD, 1 << 30);
#endif
}

}  // namespace caravan
