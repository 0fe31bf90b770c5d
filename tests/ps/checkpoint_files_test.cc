// A checkpoint's files may take long to reach the disk: the lane goes on meanwhile, image after
// image, its log does not grow, and the checkpoint holds what it was asked for.
#include "ps/checkpoint_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "lane_fixture.h"
#include "ps/lane_state.h"
#include "storage/posix_file_system.h"

namespace caravan::ps {
namespace {

constexpr uint64_t kTicket = 4;

void Push(Lanes& lanes, uint32_t first, uint32_t end) {
  for (uint32_t push = first; push < end; ++push) {
    const uint64_t key = push % 50;
    const net::Reply reply = lanes.Push({{key, key + 100}, {key + 7}}, Tag(0, push, 0))[0];
    ASSERT_EQ(reply.push().outcome(), net::PushReply::APPLIED) << push << reply.message();
  }
}

TEST(CheckpointFilesTest, ALaneGoesOnWhileTheyAreSynced) {
  constexpr uint32_t kBefore = 10;
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  Lanes twin(folder, spec, 1);
  Push(twin, 0, kBefore);
  const std::string expected_directory = folder.Make("expected");
  const auto expected = Dump(expected_directory, twin.Save(expected_directory));

  SideThread side;
  SideThread cold;
  SideThread writer;
  const std::string state = folder.Make("slow");
  auto lane = Lane::Create(
      spec,
      {.run_id = kRunId, .data_directory = state, .side = &side, .cold = &cold, .writer = &writer});
  ASSERT_TRUE(lane.ok()) << lane.status();
  Lanes lanes(spec, *std::move(lane));
  Push(lanes, 0, kBefore);
  SideJob slow_disk(&side);
  absl::Notification is_there;
  slow_disk.Start([&] {
    is_there.WaitForNotification();
    return absl::OkStatus();
  });
  const std::string directory = folder.Make("checkpoint");
  net::Header header = RunHeader();
  header.mutable_save_checkpoint()->set_checkpoint(1);
  header.mutable_save_checkpoint()->set_directory(directory);
  ASSERT_FALSE(lanes.lane(0).Handle(net::MakeMessage(header), kTicket).has_value());
  // Each push is 80 KB of a log of 1 MiB: a hundred of them are several images.
  uint64_t images_lsn = 0;
  uint32_t pushes = kBefore;
  const auto files = storage::MakePosixFileSystem();
  while (images_lsn < kBefore + 100) {
    Push(lanes, pushes, pushes + 1);
    ++pushes;
    EXPECT_TRUE(lanes.lane(0).Work().empty()) << "the checkpoint's files are not synced";
    images_lsn = ReadLaneState(*files, state)->lsn;
  }
  // Before an image and while it is written, four budgets of some five segments each; and what is
  // kept to be filled again.
  EXPECT_LE(files->List(state + "/log")->size(), 2 * 4 * 5 + 9U);
  is_there.Notify();
  std::vector<Lane::LateAnswer> answers;
  while (answers.empty()) answers = lanes.lane(0).Work();
  ASSERT_EQ(answers[0].ticket, kTicket);
  const net::Reply reply = ReplyOf(answers[0].message);
  ASSERT_EQ(reply.code(), net::OK) << reply.message();
  const conf::Manifest manifest = lanes.WriteManifest(
      directory, {reply.save_checkpoint().files().begin(), reply.save_checkpoint().files().end()});
  EXPECT_EQ(Dump(directory, manifest), expected);
  EXPECT_TRUE(slow_disk.AwaitResult().ok());
}

TEST(CheckpointFilesTest, WhatCannotBeReadTakesTheFolderAway) {
  const TestFolder folder;
  const auto files = storage::MakePosixFileSystem();
  CheckpointFiles checkpoint(files.get(), nullptr);
  const std::string directory = folder.Make("half");
  checkpoint.Begin(directory);
  const auto result = checkpoint.TakeResult();
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->status.ok());
  EXPECT_FALSE(files->Exists(directory));
  EXPECT_FALSE(checkpoint.is_active());
}

}  // namespace
}  // namespace caravan::ps
