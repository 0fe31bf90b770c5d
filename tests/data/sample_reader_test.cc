#include "data/sample_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/file.h"
#include "data/block_plan.h"
#include "data/calendar.h"
#include "data/discretiser.h"
#include "data/sample_file.h"
#include "tests/data/small_world.h"

namespace caravan::data {
namespace {

using testing::HasSubstr;

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

conf::BlockPlan Plan(uint32_t batch_size, uint32_t block_batches) {
  conf::BlockPlan plan;
  plan.set_batch_size(batch_size);
  plan.set_block_batches(block_batches);
  return plan;
}

// Calls `use(reader, batch)` for every batch of an epoch.
template <typename Use>
void ForEachBatch(SampleReader& reader, const conf::BlockPlan& plan, const conf::SplitSchema& split,
                  SampleReader::Request request, Use use) {
  const auto blocks = static_cast<uint32_t>(Blocks(plan, split).size());
  Batch batch;
  for (request.block = 0; request.block < blocks; ++request.block) {
    for (request.batch = 0;; ++request.batch) {
      const absl::Status status = reader.Read(plan, request, batch);
      if (absl::IsOutOfRange(status)) break;
      ASSERT_TRUE(status.ok()) << status;
      ASSERT_GT(batch.size, 0);
      use(reader, batch);
    }
    EXPECT_GT(request.batch, 0);
  }
}

class SampleReaderTest : public testing::Test {
 protected:
  void ImportWorld(uint64_t file_bytes = kSampleFileBytes) {
    absl::StatusOr<ImportReport> report = world_.Import(file_bytes);
    ASSERT_TRUE(report.ok()) << report.status();
    schema_ = report->schema;
  }
  std::unique_ptr<SampleReader> OpenSplit(const std::string& split) {
    absl::StatusOr<std::unique_ptr<SampleReader>> reader =
        SampleReader::Open(world_.out(), schema_, split);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }
  // What sample `place` must be, from the rows themselves.
  void ExpectSample(const Batch& batch, uint32_t place, int entity);

  SmallWorld world_;
  conf::Schema schema_;
};

WorldRow RowOrZero(int entity, int scenario, int day) {
  return SmallWorld::Row(entity, scenario, day).value_or(WorldRow{0, 0, 0});
}

void SampleReaderTest::ExpectSample(const Batch& batch, uint32_t place, int entity) {
  const auto scenario = static_cast<int>(batch.scenarios[place]);
  const int anchor = batch.anchor_days[place] - *ParseDate("2020-01-01");
  // Fields: scenario.id, scenario.budget, profile.city, profile.height, behaviour.visits,
  // performance.clicks, performance.cost.
  const auto& fields = schema_.fields();
  ASSERT_EQ(fields.size(), 7);
  EXPECT_EQ(batch.ids[0][place], 2U + static_cast<uint32_t>(scenario));
  EXPECT_EQ(batch.ids[1][place], NumericValueId(fields[1], scenario == 0 ? 100 : -5));
  const CategoryIds cities(fields[2]);
  EXPECT_EQ(batch.ids[2][place],
            entity == 7 ? kMissingId : cities(fmt::format("city {}, \"old\"", entity % 4)));
  EXPECT_EQ(batch.ids[3][place],
            NumericValueId(fields[3], entity == 7 ? kMissing : static_cast<float>(entity - 10)));
  double sums[4] = {0, 0, 0, 0};  // of the last three days: visits, clicks, cost, days with clicks
  for (int i = 0; i < kWorldHistory; ++i) {
    const WorldRow row = RowOrZero(entity, scenario, anchor - kWorldHistory + 1 + i);
    const size_t at = size_t{place} * kWorldHistory + static_cast<size_t>(i);
    EXPECT_EQ(batch.ids[4][at], NumericValueId(fields[4], row.visits));
    EXPECT_EQ(batch.ids[5][at], NumericValueId(fields[5], row.clicks));
    EXPECT_EQ(batch.ids[6][at], NumericValueId(fields[6], row.cost));
    if (i < kWorldHistory - 3) continue;
    sums[0] += row.visits;
    sums[1] += row.clicks;
    sums[2] += row.cost;
    sums[3] += row.clicks != 0 ? 1 : 0;
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(batch.dense[place * 4 + static_cast<uint32_t>(i)],
                (std::log1p(sums[i]) - schema_.dense_means(i)) / schema_.dense_deviations(i), 1e-5);
  }
  float clicks = 0;
  float cost = 0;
  float active = 0;
  float any = 0;
  for (int day = anchor + 1; day <= anchor + kWorldHorizon; ++day) {
    const WorldRow row = RowOrZero(entity, scenario, day);
    clicks += row.clicks;
    cost += row.cost;
    active += row.clicks > 0 ? 1.0F : 0.0F;
    any = row.visits > 0 ? 1.0F : any;
  }
  const float* labels = batch.labels.data() + size_t{place} * 4;
  EXPECT_EQ(labels[0], clicks);
  EXPECT_NEAR(labels[1], cost, 1e-3);
  EXPECT_EQ(labels[2], active);
  EXPECT_EQ(labels[3], any);
}

bool IsSample(int entity, int scenario, int anchor) {
  int active = 0;
  for (int day = anchor - kWorldHistory + 1; day <= anchor; ++day) {
    active += RowOrZero(entity, scenario, day).clicks > 0 ? 1 : 0;
  }
  return active >= 4;
}

using SampleKey = std::tuple<int, int, int>;  // entity, scenario, anchor day

// Every sample of a split by the rule itself.
std::set<SampleKey> SamplesByRule(const conf::SplitSchema& split) {
  const int32_t first_day = *ParseDate("2020-01-01");
  std::set<SampleKey> samples;
  for (int anchor = *ParseDate(split.first_anchor()) - first_day;
       anchor <= *ParseDate(split.last_anchor()) - first_day; ++anchor) {
    for (int entity = 0; entity < kWorldEntities; ++entity) {
      for (int scenario = 0; scenario < 2; ++scenario) {
        if (IsSample(entity, scenario, anchor)) {
          samples.insert({entity, scenario, first_day + anchor});
        }
      }
    }
  }
  return samples;
}

TEST_F(SampleReaderTest, EverySampleOnceAndAsTheRowsHaveIt) {
  for (const uint64_t file_bytes : {kSampleFileBytes, uint64_t{4000}}) {
    ImportWorld(file_bytes);
    EXPECT_EQ(schema_.splits(0).files_size() > 4, file_bytes == 4000);
    for (const conf::SplitSchema& split : schema_.splits()) {
      const std::unique_ptr<SampleReader> reader = OpenSplit(split.name());
      std::set<SampleKey> seen;
      uint64_t samples = 0;
      ForEachBatch(*reader, Plan(16, 3), split, {.seed = 5, .epoch = 2},
                   [&](const SampleReader& from, const Batch& batch) {
                     for (uint32_t place = 0; place < batch.size; ++place) {
                       const std::string name(from.EntityName(batch.entities[place]));
                       const int entity = std::stoi(name.substr(1));
                       ExpectSample(batch, place, entity);
                       seen.insert({entity, static_cast<int>(batch.scenarios[place]),
                                    batch.anchor_days[place]});
                       ++samples;
                     }
                   });
      EXPECT_EQ(seen, SamplesByRule(split)) << split.name();
      EXPECT_EQ(samples, seen.size()) << split.name();
    }
  }
}

std::vector<float> AllLabels(SampleReader& reader, const conf::SplitSchema& split,
                             const SampleReader::Request& request) {
  std::vector<float> labels;
  ForEachBatch(reader, Plan(16, 3), split, request, [&](const SampleReader&, const Batch& batch) {
    labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
  });
  return labels;
}

TEST_F(SampleReaderTest, OrderFollowsFromSeedAndEpochAlone) {
  ImportWorld();
  const conf::SplitSchema& split = schema_.splits(0);
  const std::unique_ptr<SampleReader> reader = OpenSplit("train");
  const std::vector<float> labels = AllLabels(*reader, split, {.seed = 1, .epoch = 1});
  EXPECT_EQ(AllLabels(*OpenSplit("train"), split, {.seed = 1, .epoch = 1}), labels);
  EXPECT_NE(AllLabels(*reader, split, {.seed = 2, .epoch = 1}), labels);
  EXPECT_NE(AllLabels(*reader, split, {.seed = 1, .epoch = 2}), labels);
  EXPECT_EQ(AllLabels(*reader, split, {.seed = 1, .epoch = 1}), labels);

  // A batch is the same whatever was read before it.
  Batch alone;
  const SampleReader::Request request = {.seed = 1, .epoch = 1, .block = 2, .batch = 1};
  ASSERT_TRUE(OpenSplit("train")->Read(Plan(16, 3), request, alone).ok());
  const size_t first = (2 * 3 + 1) * 16 * 4;
  EXPECT_EQ(alone.labels, std::vector<float>(labels.begin() + first, labels.begin() + first + 64));
}

TEST_F(SampleReaderTest, WithoutShuffleSamplesComeInTheFilesOrder) {
  ImportWorld();
  const std::unique_ptr<SampleReader> reader = OpenSplit("test");
  std::vector<std::pair<uint32_t, int32_t>> order;
  ForEachBatch(*reader, Plan(16, 3), schema_.splits(2), {.shuffle = false},
               [&](const SampleReader&, const Batch& batch) {
                 for (uint32_t i = 0; i < batch.size; ++i) {
                   order.emplace_back(batch.entities[i] * 2 + batch.scenarios[i],
                                      batch.anchor_days[i]);
                 }
               });
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(SampleReaderTest, WhatIsNotThereIsSaid) {
  ImportWorld();
  EXPECT_THAT(std::string(SampleReader::Open(world_.out(), schema_, "vaild").status().message()),
              HasSubstr("train, valid, test"));
  const std::unique_ptr<SampleReader> reader = OpenSplit("test");
  Batch batch;
  EXPECT_EQ(reader->Read(Plan(16, 3), {.block = 1000}, batch).code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(reader->Read(Plan(16, 3), {.batch = 3}, batch).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(reader->Read(Plan(0, 3), {}, batch).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SampleReaderTest, NoDenseFeaturesWhereTheJobWantsNone) {
  world_.job.mutable_data()->set_dense_features(false);
  ImportWorld();
  EXPECT_EQ(schema_.dense_names_size(), 0);
  Batch batch;
  ASSERT_TRUE(OpenSplit("train")->Read(Plan(16, 3), {}, batch).ok());
  EXPECT_TRUE(batch.dense.empty());
}

class DamagedSampleFileTest : public SampleReaderTest {
 protected:
  // Opens and reads the test split with its file's content replaced.
  absl::Status ReadWith(const std::string& content) {
    world_.folder().Write("out/" + schema_.splits(2).files(0).file(), content);
    absl::StatusOr<std::unique_ptr<SampleReader>> reader =
        SampleReader::Open(world_.out(), schema_, "test");
    if (!reader.ok()) return reader.status();
    Batch batch;
    return (*reader)->Read(Plan(16, 3), {}, batch);
  }
  std::string TestFile() {
    return ReadFile(world_.out() + "/" + schema_.splits(2).files(0).file()).value();
  }
};

TEST_F(DamagedSampleFileTest, EveryFlippedByteIsFound) {
  ImportWorld();
  const std::string whole = TestFile();
  ASSERT_TRUE(ReadWith(whole).ok());
  int in_blocks = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    const absl::Status status = DecodeSampleFile("some.samples", flipped, schema_).status();
    // A flip in the version is another version.
    const bool version = at >= 8 && at < 12;
    ASSERT_EQ(status.code(),
              version ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kDataLoss)
        << at << " " << status;
    ASSERT_THAT(std::string(status.message()), HasSubstr("some.samples"));
    in_blocks += status.message().find("block 0") != absl::string_view::npos ? 1 : 0;
    // The reader finds it too, and names the file itself.
    if (at % 211 != 0) continue;
    const absl::Status read = ReadWith(flipped);
    ASSERT_EQ(read.code(), status.code()) << at << " " << read;
    ASSERT_THAT(std::string(read.message()), HasSubstr("test-00000.samples"));
  }
  EXPECT_GT(in_blocks, 1000);
}

TEST_F(DamagedSampleFileTest, EveryTruncationAndAppendixIsFound) {
  ImportWorld();
  const std::string whole = TestFile();
  for (size_t size = 0; size < whole.size(); size += 1009) {
    ASSERT_EQ(ReadWith(whole.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(ReadWith(whole + "x").code(), absl::StatusCode::kDataLoss);
}

TEST_F(DamagedSampleFileTest, AFileOfAnotherImportIsFound) {
  ImportWorld();
  const std::string whole = TestFile();
  const conf::Schema schema = schema_;
  world_.job.mutable_data()->mutable_tasks(0)->set_aggregate(conf::DAYS_NONZERO);
  ImportWorld();
  const std::string other = TestFile();
  schema_ = schema;
  // The same size, so that only the checksum tells.
  schema_.mutable_splits(2)->mutable_files(0)->set_bytes(other.size());
  const absl::Status status = ReadWith(other);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another import"));
}

TEST_F(DamagedSampleFileTest, AMissingFileIsNamed) {
  ImportWorld();
  ASSERT_EQ(std::remove((world_.out() + "/test-00000.samples").c_str()), 0);
  const absl::Status status = SampleReader::Open(world_.out(), schema_, "test").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("test-00000.samples"));
}

}  // namespace
}  // namespace caravan::data
