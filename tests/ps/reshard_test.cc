// A checkpoint read back by another number of lanes holds the same records, byte for byte.
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/random.h"
#include "lane_fixture.h"
#include "net/manifest_file.h"
#include "net/placement.h"
#include "ps/checkpoint_reader.h"
#include "ps/checkpoint_summary.h"
#include "ps/lane_state.h"
#include "ps/reshard.h"
#include "storage/posix_file_system.h"
#include "tests/storage/damage.h"

namespace caravan::ps {
namespace {

Lanes::Keys RandomKeys(uint64_t seed) {
  Lanes::Keys keys(2);
  RandomStream stream(seed);
  for (std::vector<uint64_t>& table : keys) {
    uint64_t key = 0;
    for (int i = 0; i < 300; ++i) table.push_back(key += 1 + stream.NextBelow(20));
  }
  return keys;
}

void Train(Lanes& lanes, uint32_t epoch, uint32_t batches) {
  for (uint32_t batch = 0; batch < batches; ++batch) {
    for (uint32_t block = 0; block < 3; ++block) {
      for (const net::Reply& reply :
           lanes.Push(RandomKeys(epoch * 1000 + block * 100 + batch), Tag(epoch, block, batch))) {
        ASSERT_EQ(reply.push().outcome(), net::PushReply::APPLIED) << reply.message();
      }
    }
  }
}

TEST(ReshardTest, AnyNumberOfLanesHoldsTheSame) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  auto lanes = std::make_unique<Lanes>(folder, spec, 8);
  Train(*lanes, 0, 3);
  Train(*lanes, 1, 2);
  std::string directory = folder.Make("checkpoint_8");
  conf::Manifest manifest = lanes->Save(directory);
  const auto expected = Dump(directory, manifest);
  EXPECT_GT(expected.size(), 2000U);
  // 4 servers of 2 lanes wrote it; then 1 of 1, 3 of 4, 8 of 1, and 4 of 2 again.
  const uint32_t counts[] = {1, 12, 8, 8};
  for (size_t i = 0; i < std::size(counts); ++i) {
    lanes.reset();
    lanes = std::make_unique<Lanes>(folder, spec, counts[i], directory, manifest);
    directory = folder.Make(fmt::format("checkpoint_{}", i));
    manifest = lanes->Save(directory);
    EXPECT_EQ(Dump(directory, manifest), expected) << counts[i] << " lanes";
  }
}

// Takes a checkpoint of lanes that are pushed to all the while: batches of `block` follow one
// another, each lane begins its part a batch after the one before it and goes on with it two
// batches later, so that all that the image needs changes before it is copied.
conf::Manifest SaveWhilePushing(Lanes& lanes, const std::string& directory, uint32_t block,
                                uint32_t* batches) {
  std::vector<net::CheckpointFile> files;
  net::Header header = RunHeader();
  header.mutable_save_checkpoint()->set_directory(directory);
  const net::Message request = net::MakeMessage(header);
  uint32_t saved = 0;
  for (; saved < lanes.size(); ++*batches) {
    for (uint32_t lane = 0; lane < lanes.size(); ++lane) {
      if (*batches == lane) {
        EXPECT_FALSE(lanes.lane(lane).Handle(request, lane).has_value());
      }
      const net::Message push =
          lanes.PushMessage(lane, RandomKeys(block * 1000 + *batches), Tag(0, block, *batches));
      EXPECT_EQ(ReplyOf(lanes.lane(lane).HandleNow(push)).push().outcome(),
                net::PushReply::APPLIED);
      if (*batches < lane + 2) continue;
      for (const Lane::LateAnswer& late : lanes.lane(lane).Work()) {
        const net::Reply reply = ReplyOf(late.message);
        EXPECT_EQ(reply.code(), net::OK) << reply.message();
        files.insert(files.end(), reply.save_checkpoint().files().begin(),
                     reply.save_checkpoint().files().end());
        ++saved;
      }
    }
  }
  return lanes.WriteManifest(directory, files);
}

// The state of a checkpoint that was taken amid pushes is that of lanes which were pushed to in
// peace and then stopped, whatever the number of lanes: once the missing pushes are repeated, every
// record is the same.
TEST(ReshardTest, ACheckpointAmidPushesIsExactForAnyNumberOfLanes) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  auto lanes = std::make_unique<Lanes>(folder, spec, 8);
  Train(*lanes, 0, 3);
  uint32_t block = 10;
  for (const uint32_t count : {1U, 12U, 8U}) {
    uint32_t batches = 0;
    const std::string directory = folder.Make(fmt::format("amid_{}", count));
    const conf::Manifest manifest = SaveWhilePushing(*lanes, directory, block, &batches);
    EXPECT_GT(batches, 2U);
    const std::string after = folder.Make(fmt::format("after_{}", count));
    const auto expected = Dump(after, lanes->Save(after));
    lanes = std::make_unique<Lanes>(folder, spec, count, directory, manifest);
    for (uint32_t batch = 0; batch < batches; ++batch) {
      for (const net::Reply& reply :
           lanes->Push(RandomKeys(block * 1000 + batch), Tag(0, block, batch))) {
        ASSERT_NE(reply.push().outcome(), net::PushReply::OUT_OF_ORDER) << batch;
      }
    }
    const std::string again = folder.Make(fmt::format("again_{}", count));
    EXPECT_EQ(Dump(again, lanes->Save(again)), expected) << count << " lanes";
    ++block;
  }
}

TEST(ReshardTest, ACheckpointIsWrittenAgainWithTheSameDigest) {
  const TestFolder folder;
  conf::RunSpec spec = SmallSpec();
  spec.set_run_id(kRunId);
  Lanes lanes(folder, spec, 8);
  Train(lanes, 0, 3);
  std::string from = folder.Make("checkpoint_8");
  const auto expected = Dump(from, lanes.Save(from));
  const uint64_t digest = SummariseCheckpoint(from)->digest;
  for (const uint32_t count : {1U, 12U, 8U}) {
    const std::string to = folder.Make(fmt::format("resharded_{}", count));
    const auto summary =
        ReshardCheckpoint(spec, {.from = from,
                                 .to = to,
                                 .checkpoint = count,
                                 .lanes = count,
                                 .work_directory = folder.Make(fmt::format("work_{}", count))});
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->digest, digest);
    EXPECT_EQ(Dump(to, *net::ReadManifest(to)), expected);
    from = to;
  }
  Train(lanes, 1, 1);
  const std::string later = folder.Make("later");
  lanes.Save(later);
  EXPECT_NE(SummariseCheckpoint(later)->digest, digest);
}

TEST(ReshardTest, NoLaneIsWithoutAShard) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  Lanes lanes(folder, spec, 2);
  const std::string from = folder.Make("from");
  lanes.Save(from);
  for (const uint32_t count : {0U, 17U}) {
    const auto summary = ReshardCheckpoint(spec, {.from = from,
                                                  .to = folder.Make("to"),
                                                  .checkpoint = 2,
                                                  .lanes = count,
                                                  .work_directory = folder.Make("work")});
    EXPECT_EQ(summary.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(summary.status().message().find("1 to 16"), std::string::npos) << summary.status();
    EXPECT_TRUE(std::filesystem::is_empty(folder.Make("to")));
  }
}

TEST(ReshardTest, TrainingGoesOnAsIfNothingHadHappened) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  Lanes whole(folder, spec, 3);
  Train(whole, 0, 2);
  const std::string directory = folder.Make("checkpoint");
  const conf::Manifest manifest = whole.Save(directory);
  Lanes restored(folder, spec, 5, directory, manifest);
  for (const net::Reply& reply : restored.Push(RandomKeys(1), Tag(0, 0, 1))) {
    EXPECT_EQ(reply.push().outcome(), net::PushReply::ALREADY_APPLIED);
  }
  Train(whole, 1, 2);
  Train(restored, 1, 2);
  const std::string a = folder.Make("a");
  const std::string b = folder.Make("b");
  EXPECT_EQ(Dump(a, whole.Save(a)), Dump(b, restored.Save(b)));
}

// Shards of a lane that was ahead and of one that was behind come together in one lane: a push is
// applied by those that lack it, once.
TEST(ReshardTest, ShardsWithDifferentMarksEachApplyABatchOnce) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  const Lanes::Keys keys = RandomKeys(7);
  Lanes whole(folder, spec, 1);
  Lanes two(folder, spec, 2);
  whole.Push(keys, Tag(0, 0, 0));
  two.Push(keys, Tag(0, 0, 0));
  ASSERT_EQ(ReplyOf(two.lane(1).HandleNow(two.PushMessage(1, keys, Tag(0, 0, 1)))).push().outcome(),
            net::PushReply::APPLIED);
  const std::string directory = folder.Make("checkpoint");
  const conf::Manifest manifest = two.Save(directory);
  Lanes three(folder, spec, 3, directory, manifest);
  for (uint32_t batch = 1; batch < 3; ++batch) {
    whole.Push(keys, Tag(0, 0, batch));
    for (const net::Reply& reply : three.Push(keys, Tag(0, 0, batch))) {
      EXPECT_EQ(reply.push().outcome(), net::PushReply::APPLIED);
    }
  }
  const std::string a = folder.Make("a");
  const std::string b = folder.Make("b");
  EXPECT_EQ(Dump(a, whole.Save(a)), Dump(b, three.Save(b)));
}

TEST(CheckpointReaderTest, ReadsWhatLanesServe) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  Lanes lanes(folder, spec, 3);
  Train(lanes, 0, 2);
  const std::string directory = folder.Make("checkpoint");
  lanes.Save(directory);
  auto reader = CheckpointReader::Open(directory, spec.model(), 3);
  ASSERT_TRUE(reader.ok()) << reader.status();
  Lanes::Keys keys = RandomKeys(1);
  keys[0].push_back(uint64_t{1} << 50);  // has no row
  std::vector<float> dense;
  const auto served = lanes.Pull(keys, &dense);
  EXPECT_EQ(*(*reader)->Dense(), dense);
  EXPECT_EQ((*reader)->rows(), lanes.lane(0).rows() + lanes.lane(1).rows() + lanes.lane(2).rows());
  for (uint32_t table = 0; table < 2; ++table) {
    const uint32_t width = spec.model().tables(static_cast<int>(table)).width();
    std::vector<float> weights;
    ASSERT_TRUE((*reader)->Rows(TableId{table}, keys[table], weights).ok());
    for (size_t i = 0; i < keys[table].size(); ++i) {
      const std::vector<float> row(weights.begin() + static_cast<ptrdiff_t>(i * width),
                                   weights.begin() + static_cast<ptrdiff_t>((i + 1) * width));
      EXPECT_EQ(row, served.at({table, keys[table][i]}));
    }
  }
  EXPECT_TRUE(
      absl::IsFailedPrecondition(CheckpointReader::Open(directory, spec.model(), 4).status()));
}

TEST(CheckpointSummaryTest, CountsWhatWasTrained) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  Lanes lanes(folder, spec, 3);
  Train(lanes, 0, 3);
  Train(lanes, 1, 2);
  const std::string directory = folder.Make("checkpoint");
  conf::Manifest manifest = lanes.Save(directory);
  EXPECT_TRUE(absl::IsNotFound(SummariseCheckpoint(folder.Make("empty")).status()));
  const absl::StatusOr<CheckpointSummary> summary = SummariseCheckpoint(directory);
  ASSERT_TRUE(summary.ok()) << std::string(summary.status().message());
  EXPECT_EQ(summary->epoch, 1u);
  EXPECT_EQ(summary->batches.lowest, 6u);  // three blocks of two batches
  EXPECT_EQ(summary->batches.highest, 6u);
  ASSERT_EQ(summary->samples.size(), 2u);
  EXPECT_EQ(summary->samples.at(0).lowest, 9u * 8);
  EXPECT_EQ(summary->samples.at(1).highest, 6u * 8);
  EXPECT_EQ(summary->table_rows.at(0) + summary->table_rows.at(1), summary->rows);
  EXPECT_EQ(summary->dense_chunks, net::DenseChunks(spec.model(), manifest.shards()).size());
  // A lane that is left out of the manifest is missed.
  manifest.mutable_lane_directories()->RemoveLast();
  ASSERT_TRUE(net::WriteManifest(directory, manifest).ok());
  EXPECT_TRUE(absl::IsDataLoss(SummariseCheckpoint(directory).status()));
}

TEST(InitialStateTest, IsWhatLanesServeBeforeAnyPush) {
  const TestFolder folder;
  const conf::RunSpec spec = SmallSpec();
  Lanes lanes(folder, spec, 2);
  std::vector<float> dense;
  const auto served = lanes.Pull({{5}, {6}}, &dense);
  const auto initial = InitialState(spec.model(), 3);
  EXPECT_EQ(*initial->Dense(), dense);
  std::vector<float> weights;
  const uint64_t key = 6;
  ASSERT_TRUE(initial->Rows(TableId{1}, std::span(&key, 1), weights).ok());
  EXPECT_EQ(weights, served.at({1, 6}));
}

// Files of a checkpoint, its manifest and a lane's state: 4,000 flipped bits, and every cut at a
// multiple of 4 KiB.
TEST(CheckpointTest, EveryFlippedBitAndEveryCutIsNamed) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  Train(lanes, 0, 1);
  const std::string directory = folder.Make("checkpoint");
  const conf::Manifest manifest = lanes.Save(directory);
  ASSERT_TRUE(net::VerifyFiles(directory, manifest).ok());
  RandomStream stream(11);
  const auto expect_named = [&](const std::string& path, auto check, int flips) {
    const std::string content = *ReadFile(directory + "/" + path);
    const auto put = [&](std::string_view bytes) {
      std::ofstream(directory + "/" + path, std::ios::binary) << bytes;
    };
    for (int flip = 0; flip < flips && !content.empty(); ++flip) {
      std::string damaged = content;
      storage::FlipOneBit(stream, damaged);
      put(damaged);
      const absl::Status status = check();
      ASSERT_TRUE(absl::IsDataLoss(status)) << path << ": " << status;
      ASSERT_NE(std::string(status.message()).find(path), std::string::npos) << status;
    }
    for (size_t bytes = 0; bytes < content.size(); bytes += 4096) {
      put(std::string_view(content).substr(0, bytes));
      EXPECT_TRUE(absl::IsDataLoss(check())) << path << " cut to " << bytes;
    }
    put(content);
    EXPECT_TRUE(check().ok()) << path;
  };
  for (const conf::ManifestFile& file : manifest.files()) {
    conf::Manifest alone;
    *alone.add_files() = file;
    expect_named(
        file.path(), [&] { return net::VerifyFiles(directory, alone); },
        storage::FlipsWanted(3000) / manifest.files_size() + 1);
  }
  expect_named(
      "MANIFEST", [&] { return net::ReadManifest(directory).status(); }, 500);
  const auto files = storage::MakePosixFileSystem();
  expect_named(
      "lane-000/STATE", [&] { return ReadLaneState(*files, directory + "/lane-000").status(); },
      500);
}

TEST(CheckpointTest, ASecondRequestGetsTheSameAnswerAndACompleteOneIsLeftAlone) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  const std::string directory = folder.Make("checkpoint");
  const conf::Manifest first = lanes.Save(directory);
  const conf::Manifest second = lanes.Save(directory);
  EXPECT_EQ(first.DebugString(), second.DebugString());
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  EXPECT_TRUE(net::VerifyFiles(directory, lanes.Save(directory)).ok()) << "written anew";
  Lanes others(folder, SmallSpec(), 2);
  net::Header header = RunHeader();
  header.mutable_save_checkpoint()->set_directory(directory);
  EXPECT_EQ(ReplyOf(others.lane(0).HandleNow(net::MakeMessage(header))).code(), net::INVALID);
  header.mutable_save_checkpoint()->set_directory("not/absolute");
  EXPECT_EQ(ReplyOf(others.lane(0).HandleNow(net::MakeMessage(header))).code(), net::INVALID);
}

}  // namespace
}  // namespace caravan::ps
