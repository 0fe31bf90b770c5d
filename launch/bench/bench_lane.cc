#include "launch/bench/bench_lane.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "conf/run_spec.pb.h"
#include "net/message.h"

namespace caravan::launch {
namespace {

constexpr uint64_t kRunId = 1;
constexpr size_t kBatches = 16;  // sets of keys that come again
constexpr uint32_t kBlockBatches = 64;

conf::RunSpec MakeSpec(const ServerBenchOptions& options, conf::Durability durability,
                       uint32_t log_mebibytes) {
  conf::RunSpec spec;
  spec.set_run_id(kRunId);
  spec.mutable_job()->mutable_cluster()->set_durability(durability);
  *spec.mutable_job()->mutable_training()->mutable_optimizer() = options.optimizer;
  // Room for all rows, so that what is measured is the hot path.
  const uint64_t row_bytes = 128 + uint64_t{options.width} * 4 * sizeof(float);
  conf::Server& server = *spec.mutable_job()->mutable_server();
  server.set_hot_rows_mebibytes(static_cast<uint32_t>(64 + (options.rows * row_bytes >> 20)));
  server.set_log_mebibytes(log_mebibytes);
  conf::TableSpec& table = *spec.mutable_model()->add_tables();
  table.set_name("bench");
  table.set_width(options.width);
  table.mutable_initializer()->set_uniform_limit(0.1F);
  return spec;
}

void AddSpan(const std::vector<uint64_t>& keys, net::TableSpan& span) {
  span.set_table(0);
  span.set_keys(static_cast<uint32_t>(keys.size()));
}

}  // namespace

absl::StatusOr<ScratchFolder> ScratchFolder::Create() {
  std::string path = "/tmp/caravan-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    return absl::UnavailableError("cannot make a folder in /tmp");
  }
  return ScratchFolder(std::move(path));
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

absl::Status Timing::Time(absl::FunctionRef<absl::Status(size_t)> request) {
  const auto begin = std::chrono::steady_clock::now();
  CARAVAN_RETURN_IF_ERROR(request(micros_.size()));
  Add(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  return absl::OkStatus();
}

double Timing::Percentile(double share) const {
  if (micros_.empty()) return 0;
  std::vector<double> sorted = micros_;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) / 2];
}

BenchLane::BenchLane(net::Context& context, const ServerBenchOptions& options, std::string folder,
                     uint32_t log_mebibytes)
    : context_(context),
      options_(options),
      folder_(std::move(folder)),
      log_mebibytes_(log_mebibytes),
      gradients_(uint64_t{options.keys} * options.width, 0.01F) {
  for (size_t i = 0; i < kBatches; ++i) batches_.push_back(DrawKeys());
}

absl::Status BenchLane::Start(conf::Durability durability) {
  durability_ = durability;
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(folder_));
  CARAVAN_RETURN_IF_ERROR(Build(From::kNothing));
  return FillTable();
}

absl::StatusOr<double> BenchLane::Restart() {
  client_.reset();
  lane_.reset();
  const auto begin = std::chrono::steady_clock::now();
  CARAVAN_RETURN_IF_ERROR(Build(From::kFolder));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The lane's thread and its client.
absl::Status BenchLane::Build(From from) {
  CARAVAN_ASSIGN_OR_RETURN(lane_, ps::LaneRunner::Start(context_, "ipc://" + folder_ + "/lane"));
  const ps::Lane::Options options{.run_id = kRunId,
                                  .data_directory = folder_ + "/state",
                                  .side = lane_->side(),
                                  .cold = lane_->cold(),
                                  .writer = lane_->writer()};
  lane_->Build([spec = MakeSpec(options_, durability_, log_mebibytes_), options, from] {
    return from == From::kNothing ? ps::Lane::Create(spec, options)
                                  : ps::Lane::Recover(spec, options);
  });
  while (!lane_->is_ready()) {
    CARAVAN_RETURN_IF_ERROR(lane_->failure());
    absl::SleepFor(absl::Milliseconds(5));
  }
  CARAVAN_ASSIGN_OR_RETURN(client_, Connect(1));
  client_->SetRun(kRunId, 0);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<net::RequestClient>> BenchLane::Connect(uint64_t sender) {
  return net::RequestClient::Connect(context_, {lane_->endpoint()},
                                     // Never: who waits long is what is measured.
                                     {.repeat_after = Millis{600000},
                                      .give_up_after = Millis{600000},
                                      .run_id = kRunId,
                                      .sender = sender});
}

absl::Status BenchLane::FillTable() {
  for (uint64_t first = 0; first < options_.rows; first += options_.keys) {
    std::vector<uint64_t> keys;
    for (uint64_t key = first; key < std::min(first + options_.keys, options_.rows); ++key) {
      keys.push_back(key);
    }
    CARAVAN_RETURN_IF_ERROR(
        Check({.ticket = SendPush(keys, /*with_keys=*/true), .is_push = true}, keys.size()));
  }
  for (const std::vector<uint64_t>& keys : batches_) {
    CARAVAN_RETURN_IF_ERROR(
        Check({.ticket = SendPush(keys, /*with_keys=*/true), .is_push = true}, keys.size()));
  }
  return absl::OkStatus();
}

// One key of each of `keys` equal ranges: ascending, each once.
std::vector<uint64_t> BenchLane::DrawKeys() {
  RandomStream stream(7, draws_++);
  std::vector<uint64_t> keys;
  const uint64_t range = options_.rows / options_.keys;
  for (uint64_t i = 0; i < options_.keys; ++i) keys.push_back(i * range + stream.NextBelow(range));
  return keys;
}

uint64_t BenchLane::SendPull(const std::vector<uint64_t>& keys) {
  net::Header header;
  AddSpan(keys, *header.mutable_pull()->add_spans());
  header.mutable_pull()->set_keys_signature(net::KeysSignature(keys, header.pull().spans()));
  std::vector<net::Frame> frames;
  frames.emplace_back(keys.data(), keys.size() * sizeof(uint64_t));
  return client_->Start(0, std::move(header), std::move(frames));
}

uint64_t BenchLane::SendPush(const std::vector<uint64_t>& keys, bool with_keys) {
  net::Header header;
  net::Push& push = *header.mutable_push();
  push.mutable_tag()->set_epoch(0);
  push.mutable_tag()->set_block(pushes_ / kBlockBatches);
  push.mutable_tag()->set_batch(pushes_++ % kBlockBatches);
  push.mutable_tag()->set_samples(1);
  AddSpan(keys, *push.add_spans());
  push.set_keys_signature(net::KeysSignature(keys, push.spans()));
  std::vector<net::Frame> frames(2);
  if (with_keys) frames[0] = net::Frame(keys.data(), keys.size() * sizeof(uint64_t));
  // The gradients outlive the request: nothing is copied.
  frames[1] =
      net::Frame(gradients_.data(), keys.size() * options_.width * sizeof(float), nullptr, nullptr);
  return client_->Start(0, std::move(header), std::move(frames));
}

// Waits for the answer, and looks whether it is one.
absl::Status BenchLane::Check(const Open& open, size_t keys) {
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client_->Await(open.ticket));
  CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
  if (open.is_push) {
    return answer.reply.push().outcome() == net::PushReply::APPLIED
               ? absl::OkStatus()
               : absl::InternalError("a push was not applied");
  }
  return answer.message.frames[1].size() == keys * options_.width * sizeof(float)
             ? absl::OkStatus()
             : absl::InternalError("a pull answered another number of values than asked for");
}

absl::Status BenchLane::Pull(size_t i) {
  const std::vector<uint64_t>& keys = batches_[i % kBatches];
  return Check({.ticket = SendPull(keys), .is_push = false}, keys.size());
}

absl::Status BenchLane::Push(size_t i) {
  const std::vector<uint64_t>& keys = batches_[i % kBatches];
  return Check({.ticket = SendPush(keys, /*with_keys=*/false), .is_push = true}, keys.size());
}

void BenchLane::StartPull() { open_.push_back({.ticket = SendPull(DrawKeys()), .is_push = false}); }

void BenchLane::StartPush() {
  open_.push_back({.ticket = SendPush(DrawKeys(), /*with_keys=*/true), .is_push = true});
}

absl::StatusOr<bool> BenchLane::TakeAnswer() {
  if (open_.empty() || !client_->IsAnswered(open_.front().ticket)) return false;
  const Open open = open_.front();
  open_.pop_front();
  CARAVAN_RETURN_IF_ERROR(Check(open, options_.keys));
  return true;
}

}  // namespace caravan::launch
