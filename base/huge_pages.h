// Large arrays on huge pages, so that walking through them does not wait for page tables.
#ifndef CARAVAN_BASE_HUGE_PAGES_H_
#define CARAVAN_BASE_HUGE_PAGES_H_

#include <cstddef>
#include <vector>

namespace caravan {

// Asks the kernel for huge pages in [data, data + bytes), which must not have been written to yet.
// Advice: where the kernel does not follow it, or the range is small, nothing changes.
void AdviseHugePages(void* data, size_t bytes);

// An empty vector with room for `elements`, on huge pages.
template <typename T>
std::vector<T> ReserveHugePages(size_t elements) {
  std::vector<T> vector;
  vector.reserve(elements);
  AdviseHugePages(vector.data(), elements * sizeof(T));
  return vector;
}

}  // namespace caravan

#endif  // CARAVAN_BASE_HUGE_PAGES_H_
