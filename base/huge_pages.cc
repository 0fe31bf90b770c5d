#include "base/huge_pages.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace caravan {
namespace {

constexpr uintptr_t kHugePageBytes = 2U << 20U;

}  // namespace

void AdviseHugePages(void* data, size_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = (begin + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  const uintptr_t end = (begin + bytes) / kHugePageBytes * kHugePageBytes;
  if (end <= first) return;
  madvise(static_cast<std::byte*>(data) + (first - begin), end - first, MADV_HUGEPAGE);
}

}  // namespace caravan
