#include "base/freed_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <memory>
#include <vector>

namespace caravan {
namespace {

constexpr size_t kBlocks = 8;
constexpr size_t kBlockBytes = 1 << 20;
constexpr long kPages = kBlocks * kBlockBytes / 4096;

long PageFaults() {
  rusage usage{};
  EXPECT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_minflt;
}

// As the messages of a batch: all at once, then none.
long FaultsOfARound() {
  const long before = PageFaults();
  std::vector<std::unique_ptr<char[]>> blocks;
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    std::memset(blocks.back().get(), static_cast<int>(i), kBlockBytes);
  }
  return PageFaults() - before;
}

TEST(FreedMemoryTest, WhatWasFreedIsThereAgainWithoutPageFaults) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator keeps what was freed out of use";
#endif
  KeepFreedMemory();
  FaultsOfARound();
  EXPECT_LT(FaultsOfARound(), kPages / 20);
}

}  // namespace
}  // namespace caravan
