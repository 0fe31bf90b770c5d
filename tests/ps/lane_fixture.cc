#include "lane_fixture.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "conf/fingerprint.h"
#include "net/manifest_file.h"
#include "net/placement.h"
#include "ps/lane_state.h"
#include "storage/posix_file_system.h"
#include "storage/record_key.h"
#include "storage/rocksdb_adapter.h"

namespace caravan::ps {

TestFolder::TestFolder() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  static int folders = 0;  // of this process: a test may have several
  std::string name = fmt::format("{}_{}", test->test_suite_name(), test->name());
  std::ranges::replace(name, '/', '_');  // of a parameter
  path_ = fmt::format("{}/caravan_{}_{}_{}", ::testing::TempDir(), getpid(), ++folders, name);
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TestFolder::Make(const std::string& name) const {
  std::filesystem::create_directories(path_ + "/" + name);
  return path_ + "/" + name;
}

conf::RunSpec SmallSpec() {
  conf::RunSpec spec;
  spec.set_run_id(kRunId);
  conf::Job& job = *spec.mutable_job();
  job.mutable_cluster()->set_shards(16);
  job.mutable_training()->set_l2(0.01);
  job.mutable_training()->set_seed(3);
  job.mutable_training()->set_batch_size(8);
  job.mutable_training()->mutable_sparse_optimizer()->mutable_adagrad();
  job.mutable_server()->set_hot_rows_mebibytes(1);
  job.mutable_server()->set_rocksdb_mebibytes(4);
  job.mutable_server()->set_log_mebibytes(1);
  for (const uint32_t width : {4U, 3U}) {
    conf::TableSpec& table = *spec.mutable_model()->add_tables();
    table.set_name(fmt::format("table_{}", width));
    table.set_width(width);
    table.mutable_initializer()->set_normal_deviation(0.1F);
  }
  conf::DenseTensor& big = *spec.mutable_model()->add_tensors();
  big.set_name("big");
  big.add_dimensions(200);
  big.add_dimensions(100);
  big.set_l2(true);
  big.mutable_initializer()->set_uniform_limit(0.5F);
  conf::DenseTensor& small = *spec.mutable_model()->add_tensors();
  small.set_name("small");
  small.add_dimensions(7);
  small.mutable_initializer()->set_constant(0.25F);
  return spec;
}

net::BatchTag Tag(uint32_t epoch, uint32_t block, uint32_t batch, uint32_t samples) {
  net::BatchTag tag;
  tag.set_epoch(epoch);
  tag.set_block(block);
  tag.set_batch(batch);
  tag.set_samples(samples);
  return tag;
}

net::Header RunHeader() {
  net::Header header;
  header.set_request_id(9);
  header.set_run_id(kRunId);
  header.set_sender(kSender);
  return header;
}

net::Reply ReplyOf(const net::Message& message) {
  const absl::StatusOr<net::Reply> reply = net::ParseReply(message);
  EXPECT_TRUE(reply.ok()) << reply.status();
  return reply.ok() ? *reply : net::Reply();
}

Lanes::Lanes(const TestFolder& folder, const conf::RunSpec& spec, uint32_t lanes) : spec_(spec) {
  for (uint32_t i = 0; i < lanes; ++i) {
    auto lane =
        Lane::Create(spec, {.lane = LaneId{i},
                            .lanes_total = lanes,
                            .run_id = kRunId,
                            .data_directory = folder.Make(fmt::format("db{}_{}", lanes, i))});
    EXPECT_TRUE(lane.ok()) << lane.status();
    lanes_.push_back(*std::move(lane));
  }
}

Lanes::Lanes(const TestFolder& folder, const conf::RunSpec& spec, uint32_t lanes,
             const std::string& directory, const conf::Manifest& manifest)
    : spec_(spec) {
  for (uint32_t i = 0; i < lanes; ++i) {
    auto lane = Lane::Restore(spec,
                              {.lane = LaneId{i},
                               .lanes_total = lanes,
                               .run_id = kRunId,
                               .data_directory = folder.Make(fmt::format("db{}_{}", lanes, i))},
                              directory, manifest);
    EXPECT_TRUE(lane.ok()) << lane.status();
    lanes_.push_back(*std::move(lane));
  }
}

Lanes::Lanes(const conf::RunSpec& spec, std::unique_ptr<Lane> lane) : spec_(spec) {
  lanes_.push_back(std::move(lane));
}

Lanes::Keys Lanes::KeysOfLane(uint32_t lane, const Keys& keys) const {
  Keys own(keys.size());
  const uint32_t shards = spec_.job().cluster().shards();
  for (uint32_t table = 0; table < keys.size(); ++table) {
    for (const uint64_t key : keys[table]) {
      if (Index(net::ShardOfRow(TableId{table}, key, shards)) % size() == lane) {
        own[table].push_back(key);
      }
    }
  }
  return own;
}

net::Message Lanes::PullMessage(uint32_t lane, const Keys& keys, bool averages) const {
  net::Header header = RunHeader();
  if (averages) header.mutable_pull()->set_averages(true);
  const Keys own = KeysOfLane(lane, keys);
  std::vector<uint64_t> flat;
  for (uint32_t table = 0; table < own.size(); ++table) {
    net::TableSpan& span = *header.mutable_pull()->add_spans();
    span.set_table(table);
    span.set_keys(static_cast<uint32_t>(own[table].size()));
    flat.insert(flat.end(), own[table].begin(), own[table].end());
  }
  header.mutable_pull()->set_keys_signature(net::KeysSignature(flat, header.pull().spans()));
  const uint32_t shards = spec_.job().cluster().shards();
  for (const net::DenseChunk& chunk : net::DenseChunks(spec_.model(), shards)) {
    if (Index(chunk.shard) % size() == lane) header.mutable_pull()->add_chunk_versions(0);
  }
  net::Message message = net::MakeMessage(header);
  net::AddFrame(message, std::move(flat));
  return message;
}

std::map<std::pair<uint32_t, uint64_t>, std::vector<float>> Lanes::Pull(const Keys& keys,
                                                                        std::vector<float>* dense,
                                                                        bool averages) {
  std::map<std::pair<uint32_t, uint64_t>, std::vector<float>> rows;
  if (dense != nullptr) dense->resize(net::DenseFloats(spec_.model()));
  const std::vector<net::DenseChunk> chunks =
      net::DenseChunks(spec_.model(), spec_.job().cluster().shards());
  for (uint32_t lane = 0; lane < size(); ++lane) {
    const net::Message answer = lanes_[lane]->HandleNow(PullMessage(lane, keys, averages));
    const net::Reply reply = ReplyOf(answer);
    EXPECT_EQ(reply.code(), net::OK) << reply.message();
    std::vector<float> storage;
    std::span<const float> values = *net::FloatFrame(answer, 1, storage);
    const Keys own = KeysOfLane(lane, keys);
    for (uint32_t table = 0; table < own.size(); ++table) {
      const uint32_t width = spec_.model().tables(static_cast<int>(table)).width();
      for (const uint64_t key : own[table]) {
        rows[{table, key}].assign(values.begin(), values.begin() + width);
        values = values.subspan(width);
      }
    }
    EXPECT_TRUE(values.empty());
    std::vector<float> dense_storage;
    std::span<const float> weights = *net::FloatFrame(answer, 2, dense_storage);
    for (const uint32_t id : reply.pull().changed_chunks()) {
      const net::DenseChunk& chunk = chunks[id];
      if (dense != nullptr) {
        std::copy_n(weights.begin(), chunk.size,
                    dense->begin() + static_cast<ptrdiff_t>(chunk.flat_offset));
      }
      weights = weights.subspan(chunk.size);
    }
    EXPECT_TRUE(weights.empty());
  }
  return rows;
}

net::Message Lanes::PushMessage(uint32_t lane, const Keys& keys, const net::BatchTag& tag,
                                float scale) const {
  net::Header header = RunHeader();
  net::Push& push = *header.mutable_push();
  *push.mutable_tag() = tag;
  push.set_learning_rate_scale(scale);
  const uint64_t seed = (uint64_t{tag.epoch()} << 40) | (uint64_t{tag.block()} << 20) | tag.batch();
  const Keys own = KeysOfLane(lane, keys);
  std::vector<uint64_t> flat;
  std::vector<float> gradients;
  for (uint32_t table = 0; table < own.size(); ++table) {
    net::TableSpan& span = *push.add_spans();
    span.set_table(table);
    span.set_keys(static_cast<uint32_t>(own[table].size()));
    for (const uint64_t key : own[table]) {
      flat.push_back(key);
      RandomStream stream(seed, table + 1, key);
      const uint32_t width = spec_.model().tables(static_cast<int>(table)).width();
      for (uint32_t i = 0; i < width; ++i) gradients.push_back(stream.NextUniform() - 0.5F);
    }
  }
  push.set_keys_signature(net::KeysSignature(flat, push.spans()));
  std::vector<float> dense;
  for (const net::DenseChunk& chunk :
       net::DenseChunks(spec_.model(), spec_.job().cluster().shards())) {
    if (Index(chunk.shard) % size() != lane) continue;
    RandomStream stream(seed, 1000 + Index(chunk.id));
    for (uint32_t i = 0; i < chunk.size; ++i) dense.push_back(stream.NextUniform() - 0.5F);
  }
  net::Message message = net::MakeMessage(header);
  net::AddFrame(message, std::move(flat));
  net::AddFrame(message, std::move(gradients));
  net::AddFrame(message, std::move(dense));
  return message;
}

std::vector<net::Reply> Lanes::Push(const Keys& keys, const net::BatchTag& tag, float scale) {
  std::vector<net::Reply> replies;
  for (uint32_t lane = 0; lane < size(); ++lane) {
    replies.push_back(ReplyOf(lanes_[lane]->HandleNow(PushMessage(lane, keys, tag, scale))));
  }
  return replies;
}

conf::Manifest Lanes::Save(const std::string& directory) {
  std::vector<net::CheckpointFile> files;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    net::Header header = RunHeader();
    header.mutable_save_checkpoint()->set_checkpoint(1);
    header.mutable_save_checkpoint()->set_directory(directory);
    const net::Reply reply = ReplyOf(lane->HandleNow(net::MakeMessage(header)));
    EXPECT_EQ(reply.code(), net::OK) << reply.message();
    files.insert(files.end(), reply.save_checkpoint().files().begin(),
                 reply.save_checkpoint().files().end());
  }
  return WriteManifest(directory, files);
}

conf::Manifest Lanes::WriteManifest(const std::string& directory,
                                    const std::vector<net::CheckpointFile>& files) const {
  conf::Manifest manifest;
  manifest.set_checkpoint(1);
  manifest.set_run_id(kRunId);
  manifest.set_model_fingerprint(conf::ModelFingerprint(spec_.model()));
  manifest.set_seed(spec_.job().training().seed());
  manifest.set_shards(spec_.job().cluster().shards());
  manifest.set_lanes(size());
  for (uint32_t lane = 0; lane < size(); ++lane) {
    manifest.add_lane_directories(fmt::format("lane-{:03}", lane));
  }
  for (const net::CheckpointFile& file : files) {
    conf::ManifestFile& entry = *manifest.add_files();
    entry.set_path(file.path());
    entry.set_bytes(file.bytes());
    entry.set_checksum(file.checksum());
  }
  EXPECT_TRUE(net::WriteManifest(directory, manifest).ok());
  return manifest;
}

std::map<std::string, std::string> Dump(const std::string& directory,
                                        const conf::Manifest& manifest) {
  std::map<std::string, std::string> records;
  const auto files = storage::MakePosixFileSystem();
  const auto stores = storage::MakeRocksDbStores();
  const auto hex = [](std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
    return text;
  };
  for (const std::string& lane : manifest.lane_directories()) {
    auto opened = OpenCheckpointLane(*files, *stores, directory + "/" + lane, 4 << 20);
    EXPECT_TRUE(opened.ok()) << opened.status();
    const absl::Status status = (*opened)->Scan(
        "", std::string(20, '\xff'), [&](std::string_view key, std::string_view value) {
          const auto kind = storage::DecodeKey(key)->kind;
          // LSNs count a lane's pushes: they differ with the number of lanes.
          const bool has_lsn =
              kind == storage::RecordKind::kRow || kind == storage::RecordKind::kChunk;
          EXPECT_TRUE(
              records.emplace(hex(key), hex(value.substr(has_lsn ? sizeof(uint64_t) : 0))).second)
              << "twice: " << hex(key);
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
  }
  return records;
}

}  // namespace caravan::ps
