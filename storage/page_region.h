// Address space that is reserved once and filled with memory step by step: what lies in it never
// moves while it grows. Pages come zeroed, as huge pages where the kernel has them.
#ifndef CARAVAN_STORAGE_PAGE_REGION_H_
#define CARAVAN_STORAGE_PAGE_REGION_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan::storage {

// Owned and used by one thread.
class PageRegion {
 public:
  // Reserves `bytes` of address space, which costs no memory.
  static absl::StatusOr<PageRegion> Reserve(uint64_t bytes);
  PageRegion(PageRegion&& other) noexcept;
  PageRegion& operator=(PageRegion&& other) noexcept;
  PageRegion(const PageRegion&) = delete;
  PageRegion& operator=(const PageRegion&) = delete;
  ~PageRegion();

  // Makes at least the first `bytes` usable. RESOURCE_EXHAUSTED past the reservation, or where the
  // system has no memory.
  absl::Status Commit(uint64_t bytes);

  std::byte* data() const { return data_; }
  uint64_t reserved_bytes() const { return reserved_bytes_; }
  uint64_t committed_bytes() const { return committed_bytes_; }

 private:
  PageRegion(std::byte* data, uint64_t bytes) : data_(data), reserved_bytes_(bytes) {}
  void Release();

  std::byte* data_ = nullptr;
  uint64_t reserved_bytes_ = 0;
  uint64_t committed_bytes_ = 0;
};

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_PAGE_REGION_H_
