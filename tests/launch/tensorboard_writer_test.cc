#include "launch/report/tensorboard_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "launch/export/crc32c.h"
#include "launch/report/event.pb.h"

namespace caravan::launch {
namespace {

class TensorboardWriterTest : public ::testing::Test {
 protected:
  TensorboardWriterTest()
      : folder_(::testing::TempDir() + "tensorboard_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~TensorboardWriterTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST(Crc32cTest, GivesTheKnownCheckValues) {
  // RFC 3720, B.4, and the check value of the Rocksoft catalogue.
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST_F(TensorboardWriterTest, WhatIsWrittenReadsBack) {
  auto writer = TensorboardWriter::Open(folder_);
  ASSERT_TRUE(writer.ok());
  const std::vector<std::pair<std::string, double>> values = {{"train/loss", 0.5}, {"x", -2}};
  ASSERT_TRUE((*writer)->Write(7, values).ok());
  const auto records = ReadRecords((*writer)->path());
  ASSERT_TRUE(records.ok()) << std::string(records.status().message());
  ASSERT_EQ(records->size(), 2u);
  Event version;
  ASSERT_TRUE(version.ParseFromString(records->at(0)));
  EXPECT_EQ(version.file_version(), "brain.Event:2");
  Event event;
  ASSERT_TRUE(event.ParseFromString(records->at(1)));
  EXPECT_EQ(event.step(), 7);
  EXPECT_GT(event.wall_time(), 1.6e9);
  ASSERT_EQ(event.summary().value_size(), 2);
  EXPECT_EQ(event.summary().value(0).tag(), "train/loss");
  EXPECT_EQ(event.summary().value(0).simple_value(), 0.5F);
  EXPECT_EQ(event.summary().value(1).simple_value(), -2.0F);
}

TEST_F(TensorboardWriterTest, EveryDamageIsFound) {
  auto writer = TensorboardWriter::Open(folder_);
  ASSERT_TRUE(writer.ok());
  const std::string whole = *ReadFile((*writer)->path());
  const std::string path = folder_ + "/damaged";
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    std::ofstream(path, std::ios::binary) << flipped;
    EXPECT_EQ(ReadRecords(path).status().code(), absl::StatusCode::kDataLoss) << i;
    if (i == 0) continue;
    std::ofstream(path, std::ios::binary) << whole.substr(0, i);
    EXPECT_EQ(ReadRecords(path).status().code(), absl::StatusCode::kDataLoss) << i;
  }
}

TEST_F(TensorboardWriterTest, AFolderThatIsNotThereIsNamed) {
  const auto writer = TensorboardWriter::Open(folder_ + "/none");
  EXPECT_THAT(std::string(writer.status().message()), ::testing::HasSubstr("/none/events"));
}

}  // namespace
}  // namespace caravan::launch
