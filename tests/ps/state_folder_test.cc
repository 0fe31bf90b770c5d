#include "ps/state_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "tests/net/ipc_directory.h"

namespace caravan::ps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StateFolderTest : public testing::Test {
 protected:
  std::unique_ptr<StateFolder> Open() {
    auto folder = StateFolder::Open(Path());
    EXPECT_TRUE(folder.ok()) << folder.status();
    return *std::move(folder);
  }
  std::string Path() const { return directory_.path() + "/state"; }
  static StateOwner Owner() {
    return {.run_id = 0xfedcba9876543210,
            .incarnation = 77,
            .lanes_total = 8,
            .lanes = {4, 5},
            .state_lost = true};
  }

  net::IpcDirectory directory_;
};

TEST_F(StateFolderTest, RemembersWhoseStateItIs) {
  EXPECT_FALSE(Open()->owner().has_value());
  ASSERT_TRUE(Open()->SetOwner(Owner()).ok());
  const auto folder = Open();
  ASSERT_TRUE(folder->owner().has_value());
  EXPECT_EQ(folder->owner()->run_id, 0xfedcba9876543210);
  EXPECT_EQ(folder->owner()->incarnation, 77);
  EXPECT_EQ(folder->owner()->lanes_total, 8);
  EXPECT_THAT(folder->owner()->lanes, ElementsAre(4, 5));
  EXPECT_TRUE(folder->owner()->state_lost);
}

TEST_F(StateFolderTest, WhatIsDisownedIsNobodys) {
  const auto folder = Open();
  ASSERT_TRUE(folder->SetOwner(Owner()).ok());
  ASSERT_TRUE(folder->Disown().ok());
  EXPECT_FALSE(folder->owner().has_value());
  ASSERT_TRUE(folder->Disown().ok());
}

TEST_F(StateFolderTest, OneProcessAtATime) {
  const auto folder = Open();
  const auto other = StateFolder::Open(Path());
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr(Path()));
}

TEST_F(StateFolderTest, NoDamageIsBelieved) {
  ASSERT_TRUE(Open()->SetOwner(Owner()).ok());
  const std::string file = Path() + "/OWNER";
  const std::string text = *ReadFile(file);
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string wrong = text;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << (bit % 8)));
    std::ofstream(file, std::ios::binary) << wrong;
    EXPECT_FALSE(Open()->owner().has_value()) << wrong;
  }
  for (size_t size = 0; size < text.size(); ++size) {
    std::ofstream(file, std::ios::binary) << text.substr(0, size);
    EXPECT_FALSE(Open()->owner().has_value()) << size;
  }
}

TEST_F(StateFolderTest, GoesWithTheRun) {
  const auto folder = Open();
  ASSERT_TRUE(folder->SetOwner(Owner()).ok());
  folder->RemoveAll();
  EXPECT_FALSE(std::filesystem::exists(Path()));
}

}  // namespace
}  // namespace caravan::ps
