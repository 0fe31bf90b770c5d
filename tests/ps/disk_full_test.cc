// A full disk is a named error to whoever asked; nothing that was there is harmed, and the lane
// goes on when there is room again.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>

#include <fstream>

#include "absl/time/clock.h"
#include "base/random.h"
#include "lane_fixture.h"
#include "net/manifest_file.h"
#include "storage/rocksdb_adapter.h"
#include "tests/storage/full_disk.h"
#include "tests/storage/full_rocksdb_disk.h"

namespace caravan::ps {
namespace {

Lanes::Keys KeysOf(uint32_t push) {
  Lanes::Keys keys(2);
  for (uint64_t i = 0; i < 300; ++i) keys[i % 2].push_back(uint64_t{push} % 5 * 211 + i);
  return keys;
}

net::Reply PushOne(Lanes& lanes, uint32_t push) {
  return lanes.Push(KeysOf(push), Tag(0, 0, push))[0];
}

net::Reply SaveTo(Lane& lane, const std::string& directory) {
  net::Header header = RunHeader();
  header.mutable_save_checkpoint()->set_directory(directory);
  return ReplyOf(lane.HandleNow(net::MakeMessage(header)));
}

class DiskFullTest : public ::testing::Test {
 protected:
  DiskFullTest() {
    auto lane = Lane::Create(
        spec_,
        {.run_id = kRunId, .data_directory = folder_.path() + "/lane", .file_system = &disk_});
    EXPECT_TRUE(lane.ok()) << lane.status();
    lanes_ = std::make_unique<Lanes>(spec_, *std::move(lane));
  }
  // What a lane holds that nothing happened to.
  std::map<std::string, std::string> Undisturbed(uint32_t pushes) {
    Lanes lanes(folder_, spec_, 1);
    for (uint32_t push = 0; push < pushes; ++push) PushOne(lanes, push);
    const std::string directory = folder_.Make("undisturbed");
    return Dump(directory, lanes.Save(directory));
  }

  const TestFolder folder_;
  const conf::RunSpec spec_ = SmallSpec();
  storage::FullDisk disk_;
  std::unique_ptr<Lanes> lanes_;
};

TEST_F(DiskFullTest, APushThatCannotBeLoggedFailsWholeAndIsAppliedLater) {
  disk_.full_for = {"push-"};
  uint32_t push = 0;
  net::Reply reply;
  // The segments that there are fill up first.
  while ((reply = PushOne(*lanes_, push)).code() == net::OK) ++push;
  EXPECT_EQ(reply.code(), net::FAILED);
  EXPECT_NE(reply.message().find("no space left"), std::string::npos) << reply.message();
  EXPECT_NE(reply.message().find("push-"), std::string::npos) << reply.message();
  const uint64_t rows = lanes_->lane(0).rows();
  EXPECT_EQ(PushOne(*lanes_, push).code(), net::FAILED);
  EXPECT_EQ(lanes_->lane(0).rows(), rows);
  disk_.full_for.clear();
  for (const uint32_t end = push + 30; push < end; ++push) {
    ASSERT_EQ(PushOne(*lanes_, push).push().outcome(), net::PushReply::APPLIED) << push;
  }
  const std::string directory = folder_.Make("checkpoint");
  EXPECT_EQ(Dump(directory, lanes_->Save(directory)), Undisturbed(push));
}

TEST_F(DiskFullTest, AnImageThatCannotBeWrittenStopsNobody) {
  disk_.full_for = {"image-"};
  uint32_t push = 0;
  for (; push < 60; ++push) {
    ASSERT_EQ(PushOne(*lanes_, push).push().outcome(), net::PushReply::APPLIED) << push;
    lanes_->lane(0).Work();
  }
  disk_.full_for.clear();
  for (; push < 90; ++push) {
    ASSERT_EQ(PushOne(*lanes_, push).push().outcome(), net::PushReply::APPLIED) << push;
    lanes_->lane(0).Work();
  }
  lanes_.reset();
  auto lane = Lane::Recover(
      spec_, {.run_id = kRunId, .data_directory = folder_.path() + "/lane", .file_system = &disk_});
  ASSERT_TRUE(lane.ok()) << lane.status();
  Lanes recovered(spec_, *std::move(lane));
  const std::string directory = folder_.Make("checkpoint");
  EXPECT_EQ(Dump(directory, recovered.Save(directory)), Undisturbed(push));
}

TEST_F(DiskFullTest, ACheckpointThatCannotBeWrittenFailsByNameAndTheOneBeforeIsIntact) {
  for (uint32_t push = 0; push < 5; ++push) PushOne(*lanes_, push);
  const std::string first = folder_.Make("first");
  const conf::Manifest manifest = lanes_->Save(first);
  const auto expected = Dump(first, manifest);
  const std::string second = folder_.Make("second");
  for (uint32_t push = 5; push < 10; ++push) PushOne(*lanes_, push);
  for (const std::string& where : {second + "/lane-000/images", second + "/lane-000/STATE",
                                   folder_.path() + "/lane/STATE", std::string("lane/images")}) {
    disk_.full_for = {where};
    const net::Reply reply = SaveTo(lanes_->lane(0), second);
    EXPECT_EQ(reply.code(), net::FAILED) << where;
    EXPECT_NE(reply.message().find("no space left"), std::string::npos) << reply.message();
    EXPECT_FALSE(std::filesystem::exists(second + "/lane-000")) << where;
    EXPECT_TRUE(net::VerifyFiles(first, manifest).ok());
    disk_.full_for.clear();
  }
  EXPECT_EQ(Dump(first, manifest), expected);
  EXPECT_EQ(Dump(second, lanes_->Save(second)), Undisturbed(10));
  EXPECT_TRUE(net::VerifyFiles(first, manifest).ok());
}

// RocksDB alone has no room: for tables, its manifest, links.
TEST_F(DiskFullTest, RowsThatCannotLeaveMemoryFailTheirPushAndACheckpointByName) {
  const auto disk = std::make_shared<storage::FullRocksDbDisk>();
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk);
  const std::unique_ptr<storage::RecordStores> stores = storage::MakeRocksDbStores(env.get());
  const Lane::Options options{
      .run_id = kRunId, .data_directory = folder_.path() + "/cold", .record_stores = stores.get()};
  const auto keys_of = [](uint32_t push) {
    Lanes::Keys keys(2);
    for (uint64_t i = 0; i < 4000; ++i) keys[0].push_back(uint64_t{push} % 30 * 4000 + i);
    return keys;
  };
  const auto push_one = [&](Lanes& lanes, uint32_t push) {
    return lanes.Push(keys_of(push), Tag(0, 0, push))[0];
  };
  auto lane = Lane::Create(spec_, options);
  ASSERT_TRUE(lane.ok()) << lane.status();
  Lanes lanes(spec_, *std::move(lane));
  uint32_t push = 0;
  for (; push < 5; ++push) ASSERT_EQ(push_one(lanes, push).code(), net::OK);
  disk->room = 20000;
  net::Reply reply;
  while ((reply = push_one(lanes, push)).code() == net::OK && push < 200) ++push;
  EXPECT_EQ(reply.code(), net::FAILED);
  EXPECT_NE(reply.message().find("no room for"), std::string::npos) << reply.message();
  EXPECT_NE(reply.message().find("/cold/rocksdb"), std::string::npos) << reply.message();
  const std::string directory = folder_.Make("checkpoint");
  EXPECT_EQ(SaveTo(lanes.lane(0), directory).code(), net::FAILED);
  EXPECT_FALSE(std::filesystem::exists(directory + "/lane-000"));
  disk->room = storage::FullRocksDbDisk::kEnough;
  // RocksDB looks for room every 5 s.
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (push_one(lanes, push).code() != net::OK && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  for (const uint32_t end = ++push + 20; push < end; ++push) {
    ASSERT_EQ(push_one(lanes, push).push().outcome(), net::PushReply::APPLIED) << push;
  }
  Lanes undisturbed(folder_, spec_, 1);
  for (uint32_t again = 0; again < push; ++again) push_one(undisturbed, again);
  const std::string other = folder_.Make("undisturbed");
  const auto actual = Dump(directory, lanes.Save(directory));
  const auto expected = Dump(other, undisturbed.Save(other));
  EXPECT_EQ(actual.size(), expected.size());
  for (const auto& [key, value] : expected) {
    ASSERT_TRUE(actual.contains(key)) << key;
    ASSERT_EQ(actual.at(key), value) << key;
  }
}

// A file system of 12 MiB that fills up under a lane.
TEST(SmallDiskTest, ARealFullDiskIsNamedAndTheLaneGoesOn) {
  const TestFolder folder;
  const std::string disk = folder.Make("disk");
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=12m") != 0) {
    GTEST_SKIP() << "this user may not mount a file system: " << strerror(errno);
  }
  {
    auto lane = Lane::Create(SmallSpec(), {.run_id = kRunId, .data_directory = disk + "/lane"});
    ASSERT_TRUE(lane.ok()) << lane.status();
    Lanes lanes(SmallSpec(), *std::move(lane));
    uint32_t push = 0;
    for (; push < 3; ++push) ASSERT_EQ(PushOne(lanes, push).code(), net::OK);
    {
      std::ofstream ballast(disk + "/ballast", std::ios::binary);
      const std::string block(4096, 'x');
      while (ballast << block << std::flush) continue;
    }
    net::Reply reply;
    while ((reply = PushOne(lanes, push)).code() == net::OK) ++push;
    EXPECT_EQ(reply.code(), net::FAILED);
    EXPECT_NE(reply.message().find("push-"), std::string::npos) << reply.message();
    EXPECT_EQ(SaveTo(lanes.lane(0), folder.Make("checkpoint")).code(), net::FAILED);
    std::filesystem::remove(disk + "/ballast");
    for (const uint32_t end = push + 40; push < end; ++push) {
      ASSERT_EQ(PushOne(lanes, push).push().outcome(), net::PushReply::APPLIED) << push;
    }
  }
  EXPECT_EQ(umount(disk.c_str()), 0);
}

}  // namespace
}  // namespace caravan::ps
