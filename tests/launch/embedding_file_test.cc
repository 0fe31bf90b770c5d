#include "launch/export/embedding_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"

namespace caravan::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EmbeddingFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = fmt::format("{}/embedding_file_{}_{}", ::testing::TempDir(), getpid(),
                        ::testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  void TearDown() override { std::filesystem::remove(path_); }

  // Three keys with rows of two floats.
  absl::Status WriteThree() {
    const std::vector<uint64_t> keys = {3, 10, 1ULL << 40};
    auto writer = EmbeddingFileWriter::Create(path_, TableId{2}, 2, keys);
    if (!writer.ok()) return writer.status();
    const std::vector<float> first = {1, 2};
    const std::vector<float> others = {3, 4, 5, 6};
    if (absl::Status status = (*writer)->Append(first); !status.ok()) return status;
    if (absl::Status status = (*writer)->Append(others); !status.ok()) return status;
    return (*writer)->Finish();
  }

  // Overwrites the file with `content`; opens and verifies it.
  absl::Status OpenAndVerify(const std::string& content) {
    if (absl::Status status = WriteFileAtomically(path_, content); !status.ok()) return status;
    auto file = EmbeddingFile::Open(path_);
    if (!file.ok()) return file.status();
    return (*file)->Verify();
  }

  std::string path_;
};

TEST_F(EmbeddingFileTest, GivesBackWhatWasWritten) {
  ASSERT_TRUE(WriteThree().ok());
  auto file = EmbeddingFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Verify().ok());
  EXPECT_EQ((*file)->table(), TableId{2});
  EXPECT_EQ((*file)->width(), 2U);
  EXPECT_THAT((*file)->keys(), ElementsAre(3, 10, 1ULL << 40));
  EXPECT_THAT((*file)->rows(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT((*file)->Find(10), ElementsAre(3, 4));
  EXPECT_THAT((*file)->Find(1ULL << 40), ElementsAre(5, 6));
  EXPECT_THAT((*file)->Find(4), IsEmpty());
  EXPECT_THAT((*file)->Find(~0ULL), IsEmpty());
}

// The bytes are a format that others read: docs/formats/embeddings.md.
TEST_F(EmbeddingFileTest, LaysRowsAtTheDocumentedOffset) {
  ASSERT_TRUE(WriteThree().ok());
  const auto content = ReadFile(path_);
  ASSERT_TRUE(content.ok());
  ASSERT_EQ(content->size(), 64 + 64 + 3 * 2 * sizeof(float));
  EXPECT_EQ(content->substr(0, 8), "CARVROWS");
  uint64_t key = 0;
  std::memcpy(&key, content->data() + 64 + 8, sizeof(key));
  EXPECT_EQ(key, 10U);
  float value = 0;
  std::memcpy(&value, content->data() + 128 + 8, sizeof(value));
  EXPECT_EQ(value, 3.0F);
}

TEST_F(EmbeddingFileTest, AnEmptyTableIsAFile) {
  auto writer = EmbeddingFileWriter::Create(path_, TableId{0}, 16, {});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  auto file = EmbeddingFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Verify().ok());
  EXPECT_THAT((*file)->Find(0), IsEmpty());
}

TEST_F(EmbeddingFileTest, EveryFlippedByteAndEveryTruncationIsSeen) {
  ASSERT_TRUE(WriteThree().ok());
  const auto content = ReadFile(path_);
  ASSERT_TRUE(content.ok());
  for (size_t i = 0; i < content->size(); ++i) {
    std::string flipped = *content;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    EXPECT_TRUE(absl::IsDataLoss(OpenAndVerify(flipped))) << "byte " << i;
    EXPECT_TRUE(absl::IsDataLoss(OpenAndVerify(content->substr(0, i)))) << "cut at " << i;
  }
  EXPECT_TRUE(absl::IsDataLoss(OpenAndVerify(*content + "x")));
}

TEST_F(EmbeddingFileTest, KeysMustAscend) {
  const std::vector<uint64_t> keys = {1, 5, 5};
  const absl::Status status = EmbeddingFileWriter::Create(path_, TableId{0}, 1, keys).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("5 is followed by 5"));
}

TEST_F(EmbeddingFileTest, AnUnfinishedFileLeavesNothing) {
  const std::vector<uint64_t> keys = {1, 2};
  {
    auto writer = EmbeddingFileWriter::Create(path_, TableId{0}, 1, keys);
    ASSERT_TRUE(writer.ok());
    const std::vector<float> rows = {1, 2, 3};
    EXPECT_TRUE(absl::IsOutOfRange((*writer)->Append(rows)));
    EXPECT_TRUE((*writer)->Append(std::span(rows).first(1)).ok());
    EXPECT_TRUE(absl::IsFailedPrecondition((*writer)->Finish()));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_FALSE(std::filesystem::exists(fmt::format("{}.{}.tmp", path_, getpid())));
}

TEST_F(EmbeddingFileTest, AMissingFileIsNamed) {
  const absl::Status status = EmbeddingFile::Open(path_).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

}  // namespace
}  // namespace caravan::launch
