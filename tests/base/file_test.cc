#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/hash.h"

namespace caravan {
namespace {

using ::testing::HasSubstr;

std::string TemporaryPath(const std::string& name) { return testing::TempDir() + "/" + name; }

TEST(FileTest, WhatIsWrittenIsReadAndOnlyTheFileIsLeft) {
  const std::string folder = TemporaryPath("file_test_folder/inner");
  ASSERT_TRUE(CreateDirectories(folder).ok());
  const std::string content("a\0b\n", 4);
  ASSERT_TRUE(WriteFileAtomically(folder + "/x", "older").ok());
  ASSERT_TRUE(WriteFileAtomically(folder + "/x", content).ok());
  auto read = ReadFile(folder + "/x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, content);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST(FileTest, DigestIsThatOfTheContent) {
  const std::string path = TemporaryPath("digest");
  const std::string content(1 << 20, 'x');
  ASSERT_TRUE(WriteFileAtomically(path, content).ok());
  auto digest = DigestFile(path);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->bytes, content.size());
  EXPECT_EQ(digest->checksum, HashBytes(std::string_view(content)));
}

TEST(FileTest, ErrorsNameThePath) {
  auto missing = ReadFile(TemporaryPath("missing"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.status().ToString(), HasSubstr("missing"));
  EXPECT_FALSE(WriteFileAtomically(TemporaryPath("no/such/folder/x"), "").ok());
}

TEST(FileTest, AFullDiskIsAnErrorThatSaysSo) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  // The temporary file lies beside the target, so the full device is reached through a link.
  const std::string folder = TemporaryPath("full");
  ASSERT_TRUE(CreateDirectories(folder).ok());
  const std::string target = folder + "/x";
  const std::string temporary = target + "." + std::to_string(getpid()) + ".tmp";
  std::filesystem::remove(temporary);
  std::filesystem::create_symlink("/dev/full", temporary);
  const absl::Status status = WriteFileAtomically(target, "content");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_FALSE(std::filesystem::exists(target));
}

}  // namespace
}  // namespace caravan
