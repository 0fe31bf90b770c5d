#include "scheduler/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "net/manifest_file.h"
#include "tests/net/ipc_directory.h"

namespace caravan::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

conf::Checkpoint Retention(uint32_t keep, uint32_t keep_every) {
  conf::Checkpoint retention;
  retention.set_keep(keep);
  retention.set_keep_every(keep_every);
  return retention;
}

TEST(RetentionTest, TheNewestAndEveryNthStay) {
  const std::vector<uint64_t> numbers = {1, 2, 3, 4, 5, 6, 7};
  EXPECT_THAT(CheckpointsToRemove(numbers, Retention(3, 0)), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(CheckpointsToRemove(numbers, Retention(2, 2)), ElementsAre(1, 3, 5));
  EXPECT_THAT(CheckpointsToRemove(numbers, Retention(9, 0)), IsEmpty());
}

TEST(RetentionTest, WhatWasNeverCompletedGoesOnceANewerOneIs) {
  const net::IpcDirectory directory;
  const auto folder = [&](uint64_t number) {
    return net::CheckpointDirectory(directory.path(), number);
  };
  for (uint64_t number = 1; number <= 5; ++number) {
    std::filesystem::create_directories(folder(number) + "/lane-000");
    if (number == 2 || number >= 5) continue;
    ASSERT_TRUE(net::WriteManifest(folder(number), conf::Manifest()).ok());
  }
  const auto removed = PruneCheckpoints(directory.path(), Retention(1, 3));
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_THAT(*removed, ElementsAre(folder(2), folder(1)));
  EXPECT_FALSE(std::filesystem::exists(folder(1)));
  EXPECT_FALSE(std::filesystem::exists(folder(2)));
  EXPECT_TRUE(std::filesystem::exists(folder(3)));
  EXPECT_TRUE(std::filesystem::exists(folder(5))) << "it may be under way";
}

}  // namespace
}  // namespace caravan::scheduler
