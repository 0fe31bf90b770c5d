// The push log gives back what was appended, and names what is damaged: whatever bit flips and
// wherever a file is cut, no other record than those that were appended is ever handed out, and
// none is left out in silence.
#include "storage/push_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/random.h"
#include "storage/segment_header.h"
#include "tests/storage/damage.h"
#include "tests/storage/full_disk.h"

namespace caravan::storage {
namespace {

constexpr uint64_t kIdentity = 99;
constexpr uint64_t kSegmentBytes = 32 << 10;

class PushLogTest : public ::testing::Test {
 protected:
  PushLogTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fmt::format("{}/caravan_log_{}_{}", ::testing::TempDir(), getpid(), test->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~PushLogTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  PushLogOptions Options(bool is_synced = false) {
    return {.file_system = &disk_,
            .directory = directory_,
            .identity = kIdentity,
            .segment_bytes = kSegmentBytes,
            .is_synced = is_synced};
  }

  // Of record `lsn`; of every length.
  static std::string Payload(uint64_t lsn) {
    std::string payload;
    RandomStream stream(lsn);
    for (uint64_t i = 0; i < 200 + lsn * 37 % 1500; ++i) {
      payload.push_back(static_cast<char>(stream.NextBelow(256)));
    }
    return payload;
  }
  static absl::Status Append(PushLog& log, uint64_t lsn) {
    const std::string payload = Payload(lsn);
    const Bytes bytes = std::as_bytes(std::span(payload));
    const Bytes parts[] = {bytes.first(100), bytes.subspan(100)};
    return log.Append(lsn, parts);
  }
  void Fill(uint64_t records, bool is_synced = false) {
    PushLog log(Options(is_synced), {});
    for (uint64_t lsn = 1; lsn <= records; ++lsn) {
      ASSERT_TRUE(Append(log, lsn).ok());
      if (!is_synced || lsn % 3 != 0) continue;
      ASSERT_TRUE(log.Sync().ok());
    }
  }

  absl::StatusOr<LogContent> Replay(uint64_t after, bool power_was_lost = false,
                                    bool is_synced = false) {
    uint64_t expected = after;
    return ReplayPushLog(Options(is_synced), after, power_was_lost, [&](const FileRecord& record) {
      EXPECT_EQ(record.lsn, ++expected);
      const std::string payload = Payload(record.lsn);
      EXPECT_EQ(
          std::string_view(reinterpret_cast<const char*>(record.payload.data()), payload.size()),
          payload);
      return absl::OkStatus();
    });
  }

  std::vector<std::string> Files() {
    std::vector<std::string> paths;
    const std::vector<std::string> names = *disk_.List(directory_);
    for (const std::string& name : names) paths.push_back(directory_ + "/" + name);
    return paths;
  }
  static void Flip(const std::string& path, uint64_t byte, int bit) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(byte));
    const int value = file.get();
    file.seekp(static_cast<std::streamoff>(byte));
    file.put(static_cast<char>(value ^ (1 << bit)));
  }

  std::string directory_;
  FullDisk disk_;
};

TEST_F(PushLogTest, GivesBackWhatWasAppendedOverManySegments) {
  Fill(200);
  EXPECT_GT(Files().size(), 4U);
  for (const uint64_t after : {uint64_t{0}, uint64_t{50}, uint64_t{199}, uint64_t{200}}) {
    const absl::StatusOr<LogContent> content = Replay(after);
    ASSERT_TRUE(content.ok()) << content.status();
    EXPECT_EQ(content->last_lsn, 200U);
  }
}

TEST_F(PushLogTest, GoesOnBehindWhatWasReplayed) {
  Fill(40);
  for (uint64_t next = 41; next < 46; ++next) {
    const absl::StatusOr<LogContent> content = Replay(0);
    ASSERT_TRUE(content.ok()) << content.status();
    PushLog log(Options(), *content);
    ASSERT_TRUE(Append(log, next).ok());
  }
  EXPECT_EQ(Replay(0)->last_lsn, 45U);
}

TEST_F(PushLogTest, UsesItsRoomAgainAndNeverTakesOldRecordsForNewOnes) {
  PushLog log(Options(), {});
  uint64_t bytes_max = 0;
  for (uint64_t lsn = 1; lsn <= 1000; ++lsn) {
    ASSERT_TRUE(Append(log, lsn).ok());
    if (lsn % 50 == 0) log.DropThrough(lsn - 10);
    bytes_max = std::max(bytes_max, log.bytes());
    if (lsn % 97 == 0) {
      const absl::StatusOr<LogContent> content = Replay(lsn / 50 * 50 - (lsn < 50 ? 0 : 10));
      ASSERT_TRUE(content.ok()) << content.status();
      EXPECT_EQ(content->last_lsn, lsn);
    }
  }
  EXPECT_LE(bytes_max, 6 * kSegmentBytes);
  EXPECT_LE(Files().size(), 10U);
  // What was dropped is missed when it is asked for.
  EXPECT_TRUE(absl::IsDataLoss(Replay(0).status()));
}

// A segment that was made ahead is one like the others, whether a crash leaves it unused or not.
TEST_F(PushLogTest, GoesOnInSegmentsThatWereMadeAhead) {
  SideThread side;
  SideJob last_in_line(&side);
  PushLogOptions options = Options();
  options.side = &side;
  uint64_t made_ahead = 0;
  {
    PushLog log(options, {});
    for (uint64_t lsn = 1; lsn <= 300; ++lsn) {
      ASSERT_TRUE(Append(log, lsn).ok());
      last_in_line.Start([] { return absl::OkStatus(); });
      ASSERT_TRUE(last_in_line.AwaitResult().ok());
      const bool is_ahead = disk_.Exists(directory_ + "/spare.log");
      made_ahead += is_ahead ? 1 : 0;
      // Its room on the disk is there when it is begun: only names are changed then.
      if (is_ahead) disk_.full_for = {"push-", "spare"};
      if (!is_ahead) disk_.full_for.clear();
    }
  }
  EXPECT_GT(made_ahead, 100U);
  EXPECT_EQ(Replay(0)->last_lsn, 300U);
  disk_.full_for.clear();
  std::ofstream(directory_ + "/spare.log", std::ios::binary) << "left by a process that was killed";
  PushLog log(options, *Replay(0));
  for (uint64_t lsn = 301; lsn <= 400; ++lsn) ASSERT_TRUE(Append(log, lsn).ok());
  EXPECT_EQ(Replay(0)->last_lsn, 400U);
}

TEST_F(PushLogTest, GoesOnWhereNoSegmentCanBeMadeAhead) {
  SideThread side;
  PushLogOptions options = Options();
  options.side = &side;
  disk_.full_for = {"spare"};
  PushLog log(options, {});
  for (uint64_t lsn = 1; lsn <= 100; ++lsn) ASSERT_TRUE(Append(log, lsn).ok());
  EXPECT_EQ(Replay(0)->last_lsn, 100U);
}

// The checksum is of the payload, however it was cut in parts.
TEST_F(PushLogTest, PartsOfARecordLeaveNoTrace) {
  RandomStream stream(11);
  std::string payload;
  for (int i = 0; i < 100000; ++i) payload.push_back(static_cast<char>(stream.NextBelow(256)));
  const Bytes bytes = std::as_bytes(std::span(payload));
  PushLogOptions options = Options();
  options.segment_bytes = 1 << 20;
  PushLog log(options, {});
  for (uint64_t lsn = 1; lsn <= 8; ++lsn) {
    std::vector<Bytes> parts;
    for (size_t at = 0; at < bytes.size();) {
      const size_t part = std::min<size_t>(1 + stream.NextBelow(40000), bytes.size() - at);
      parts.push_back(bytes.subspan(at, part));
      at += part;
    }
    if (lsn == 1) parts = {bytes};
    ASSERT_TRUE(log.Append(lsn, parts).ok());
  }
  uint64_t records = 0;
  ASSERT_TRUE(ReplayPushLog(options, 0, /*power_was_lost=*/false, [&](const FileRecord& record) {
                ++records;
                EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(record.payload.data()),
                                           payload.size()),
                          payload);
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(records, 8U);
}

TEST_F(PushLogTest, EveryFlippedBitOfARecordIsNamed) {
  for (const bool is_synced : {false, true}) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    Fill(60, is_synced);
    const std::vector<std::string> files = Files();
    std::vector<uint64_t> used;
    for (size_t i = 0; i < files.size(); ++i) {
      const std::string content = *ReadFile(files[i]);
      used.push_back(ScanRecords(content, SegmentFileId(kIdentity, i + 1), [](const FileRecord&) {
                       return absl::OkStatus();
                     })->good_bytes);
    }
    RandomStream stream(3);
    int named = 0;
    const int flips = FlipsWanted(2500);
    for (int flip = 0; flip < flips; ++flip) {
      const size_t file = stream.NextBelow(files.size());
      const uint64_t byte = stream.NextBelow(used[file]);
      const int bit = static_cast<int>(stream.NextBelow(8));
      Flip(files[file], byte, bit);
      const absl::StatusOr<LogContent> content = Replay(0, /*power_was_lost=*/false, is_synced);
      Flip(files[file], byte, bit);
      // Only the note that a group was synced may be lost: it says nothing by itself.
      const bool is_note = is_synced && content.ok() && content->last_lsn == 60;
      ASSERT_TRUE(is_note || absl::IsDataLoss(content.status()))
          << files[file] << " byte " << byte << " bit " << bit;
      named += is_note ? 0 : 1;
    }
    EXPECT_GT(named, flips * 24 / 25);
    EXPECT_TRUE(Replay(0).ok());
  }
}

TEST_F(PushLogTest, EveryCutFileIsNamed) {
  Fill(60);
  for (const std::string& path : Files()) {
    const std::string content = *ReadFile(path);
    for (uint64_t bytes = 0; bytes < content.size(); bytes += 4096) {
      std::filesystem::resize_file(path, bytes);
      EXPECT_TRUE(absl::IsDataLoss(Replay(0).status())) << path << " cut to " << bytes;
      std::ofstream(path, std::ios::binary) << content;
    }
  }
  EXPECT_TRUE(Replay(0).ok());
}

// A loss of power may leave any part of what was not synced: it is cut; what was synced is missed.
TEST_F(PushLogTest, ATornTailIsCutWherePowerWasLost) {
  {
    PushLog log(Options(true), {});
    for (uint64_t lsn = 1; lsn <= 10; ++lsn) ASSERT_TRUE(Append(log, lsn).ok());
    ASSERT_TRUE(log.Sync().ok());
    for (uint64_t lsn = 11; lsn <= 14; ++lsn) ASSERT_TRUE(Append(log, lsn).ok());
  }
  const std::string path = Files().back();
  const std::string content = *ReadFile(path);
  std::vector<uint64_t> begins;  // of the records, as their LSNs count
  uint64_t offset = RecordBytes(sizeof(SegmentHeader));
  for (uint64_t lsn = 1; lsn <= 14; ++lsn) {
    begins.push_back(offset);
    offset += RecordBytes(Payload(lsn).size());
    if (lsn == 10) offset += RecordBytes(0);
  }
  // Record 12 is torn, 13 and 14 are whole.
  Flip(path, begins[11] + 50, 1);
  EXPECT_TRUE(absl::IsDataLoss(Replay(0, /*power_was_lost=*/false, true).status()));
  absl::StatusOr<LogContent> cut = Replay(0, /*power_was_lost=*/true, true);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->last_lsn, 11U);
  // Record 9 was synced.
  std::ofstream(path, std::ios::binary) << content;
  Flip(path, begins[8] + 50, 1);
  EXPECT_TRUE(absl::IsDataLoss(Replay(0, /*power_was_lost=*/true, true).status()));
}

// A process that was killed between append and sync left records that no disk has yet.
TEST_F(PushLogTest, WhatIsReplayedIsSyncedBeforeAnythingIsAppendedBehindIt) {
  Fill(20, /*is_synced=*/true);
  ASSERT_TRUE(Replay(0, /*power_was_lost=*/false, /*is_synced=*/true).ok());
  EXPECT_EQ(disk_.synced, Files());
}

TEST_F(PushLogTest, NothingIsSyncedWhereNothingCountsOnIt) {
  Fill(20);
  ASSERT_TRUE(Replay(0).ok());
  EXPECT_TRUE(disk_.synced.empty());
}

TEST_F(PushLogTest, AFullDiskIsNamedAndTheLogGoesOnWhenThereIsRoom) {
  PushLog log(Options(), {});
  uint64_t lsn = 1;
  for (; lsn <= 5; ++lsn) ASSERT_TRUE(Append(log, lsn).ok());
  disk_.full_for = {"push-"};
  absl::Status status;
  for (; status.ok(); ++lsn) status = Append(log, lsn);
  --lsn;
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_NE(status.message().find(directory_), absl::string_view::npos) << status;
  EXPECT_TRUE(absl::IsResourceExhausted(Append(log, lsn)));
  EXPECT_EQ(Replay(0)->last_lsn, lsn - 1);
  disk_.full_for.clear();
  for (const uint64_t end = lsn + 60; lsn < end; ++lsn) ASSERT_TRUE(Append(log, lsn).ok());
  EXPECT_EQ(Replay(0)->last_lsn, lsn - 1);
}

}  // namespace
}  // namespace caravan::storage
