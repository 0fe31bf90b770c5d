// A checkpoint read back by another number of lanes holds the same records, byte for byte.
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "lane_fixture.h"
#include "net/manifest_file.h"
#include "net/placement.h"
#include "ps/checkpoint_reader.h"
#include "ps/checkpoint_summary.h"

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
  const uint32_t counts[] = {1, 12, 8};
  for (const uint32_t count : counts) {
    lanes = std::make_unique<Lanes>(folder, spec, count, directory, manifest);
    directory = folder.Make(fmt::format("checkpoint_{}_again", count));
    manifest = lanes->Save(directory);
    EXPECT_EQ(Dump(directory, manifest), expected) << count << " lanes";
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

TEST(CheckpointTest, EveryFlippedBitIsNamed) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  Train(lanes, 0, 1);
  const std::string directory = folder.Make("checkpoint");
  const conf::Manifest manifest = lanes.Save(directory);
  ASSERT_TRUE(net::VerifyFiles(directory, manifest).ok());
  RandomStream stream(11);
  for (const conf::ManifestFile& file : manifest.files()) {
    if (file.bytes() == 0) continue;
    const std::string path = directory + "/" + file.path();
    for (int flip = 0; flip < 8; ++flip) {
      const auto at = static_cast<std::streamoff>(stream.NextBelow(file.bytes()));
      std::fstream stream_of_file(path, std::ios::in | std::ios::out | std::ios::binary);
      const auto toggle = [&] {
        stream_of_file.seekg(at);
        const int byte = stream_of_file.get();
        stream_of_file.seekp(at);
        stream_of_file.put(static_cast<char>(byte ^ (1 << flip)));
        stream_of_file.flush();
      };
      toggle();
      const absl::Status status = net::VerifyFiles(directory, manifest);
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_NE(std::string(status.message()).find(file.path()), std::string::npos) << status;
      toggle();
    }
  }
  EXPECT_TRUE(net::VerifyFiles(directory, manifest).ok());
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
