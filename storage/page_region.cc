#include "storage/page_region.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace caravan::storage {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

uint64_t RoundUp(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

absl::StatusOr<PageRegion> PageRegion::Reserve(uint64_t bytes) {
  // One huge page more, so that the start can be moved to a huge page's boundary.
  const uint64_t reserved = RoundUp(bytes, kHugePageBytes);
  const uint64_t mapped = reserved + kHugePageBytes;
  void* address =
      mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return absl::ErrnoToStatus(
        errno, fmt::format("cannot reserve {} bytes of address space for hot rows", mapped));
  }
  const uint64_t start = reinterpret_cast<uint64_t>(address);
  const uint64_t aligned = RoundUp(start, kHugePageBytes);
  if (aligned > start) munmap(address, aligned - start);
  const uint64_t tail = start + mapped - (aligned + reserved);
  std::byte* data = static_cast<std::byte*>(address) + (aligned - start);
  if (tail > 0) munmap(data + reserved, tail);
  // Advice only: without huge pages everything works, slower.
  static_cast<void>(madvise(data, reserved, MADV_HUGEPAGE));
  return PageRegion(data, reserved);
}

PageRegion::PageRegion(PageRegion&& other) noexcept { *this = std::move(other); }

PageRegion& PageRegion::operator=(PageRegion&& other) noexcept {
  if (this == &other) return *this;
  Release();
  data_ = std::exchange(other.data_, nullptr);
  reserved_bytes_ = std::exchange(other.reserved_bytes_, 0);
  committed_bytes_ = std::exchange(other.committed_bytes_, 0);
  return *this;
}

PageRegion::~PageRegion() { Release(); }

void PageRegion::Release() {
  if (data_ != nullptr) munmap(data_, reserved_bytes_);
  data_ = nullptr;
}

absl::Status PageRegion::Commit(uint64_t bytes) {
  if (bytes <= committed_bytes_) return absl::OkStatus();
  if (bytes > reserved_bytes_) {
    return absl::ResourceExhaustedError(
        fmt::format("hot rows need {} bytes where {} are reserved", bytes, reserved_bytes_));
  }
  const uint64_t target = std::min(RoundUp(bytes, kPageBytes), reserved_bytes_);
  if (mprotect(data_ + committed_bytes_, target - committed_bytes_, PROT_READ | PROT_WRITE) != 0) {
    return absl::ErrnoToStatus(
        errno, fmt::format("cannot commit {} bytes for hot rows", target - committed_bytes_));
  }
  committed_bytes_ = target;
  return absl::OkStatus();
}

}  // namespace caravan::storage
