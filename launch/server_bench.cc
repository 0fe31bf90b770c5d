#include "launch/server_bench.h"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "conf/run_spec.pb.h"
#include "net/message.h"
#include "net/request_client.h"
#include "net/socket.h"
#include "ps/lane_runner.h"

namespace caravan::launch {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr uint64_t kRunId = 1;
constexpr size_t kBatches = 16;  // different sets of keys

class ScratchFolder {
 public:
  ScratchFolder() : path_("/tmp/caravan-bench-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

conf::RunSpec MakeSpec(const ServerBenchOptions& options) {
  conf::RunSpec spec;
  spec.set_run_id(kRunId);
  *spec.mutable_job()->mutable_training()->mutable_optimizer() = options.optimizer;
  // Room for all rows, so that what is measured is the hot path.
  const uint64_t row_bytes = 128 + uint64_t{options.width} * 4 * sizeof(float);
  spec.mutable_job()->mutable_server()->set_hot_rows_mebibytes(
      static_cast<uint32_t>(64 + (options.rows * row_bytes >> 20)));
  conf::TableSpec& table = *spec.mutable_model()->add_tables();
  table.set_name("bench");
  table.set_width(options.width);
  table.mutable_initializer()->set_uniform_limit(0.1F);
  return spec;
}

// `count` keys below `rows`, ascending, each once.
std::vector<uint64_t> DrawKeys(uint64_t count, uint64_t rows, RandomStream stream) {
  std::vector<uint64_t> keys;
  for (uint64_t key = 0; key < rows && keys.size() < count; ++key) {
    if (stream.NextBelow(rows - key) < count - keys.size()) keys.push_back(key);
  }
  return keys;
}

// The one client: requests in turn, each timed from its making to its answer.
class BenchClient {
 public:
  BenchClient(std::unique_ptr<net::RequestClient> client, uint32_t width)
      : client_(std::move(client)), width_(width) {
    client_->SetRun(kRunId, 0);
  }

  absl::Status Pull(const std::vector<uint64_t>& keys, bool with_keys) {
    net::Header header;
    AddSpan(keys, *header.mutable_pull()->add_spans());
    header.mutable_pull()->set_keys_signature(net::KeysSignature(keys, header.pull().spans()));
    std::vector<net::Frame> frames(1);
    if (with_keys) frames[0] = net::Frame(keys.data(), keys.size() * sizeof(uint64_t));
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer,
                             client_->Call(0, std::move(header), std::move(frames)));
    CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
    if (answer.message.frames[1].size() == keys.size() * width_ * sizeof(float)) {
      return absl::OkStatus();
    }
    return absl::InternalError("a pull answered another number of values than asked for");
  }

  absl::Status Push(const std::vector<uint64_t>& keys, std::vector<float>& gradients,
                    bool with_keys) {
    net::Header header;
    net::Push& push = *header.mutable_push();
    push.mutable_tag()->set_epoch(0);
    push.mutable_tag()->set_block(pushes_++);
    push.mutable_tag()->set_batch(0);
    push.mutable_tag()->set_samples(1);
    AddSpan(keys, *push.add_spans());
    push.set_keys_signature(net::KeysSignature(keys, push.spans()));
    std::vector<net::Frame> frames(2);
    if (with_keys) frames[0] = net::Frame(keys.data(), keys.size() * sizeof(uint64_t));
    // The gradients outlive the request: nothing is copied.
    frames[1] =
        net::Frame(gradients.data(), keys.size() * width_ * sizeof(float), nullptr, nullptr);
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer,
                             client_->Call(0, std::move(header), std::move(frames)));
    CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
    if (answer.reply.push().outcome() == net::PushReply::APPLIED) return absl::OkStatus();
    return absl::InternalError("a push was not applied");
  }

 private:
  static void AddSpan(const std::vector<uint64_t>& keys, net::TableSpan& span) {
    span.set_table(0);
    span.set_keys(static_cast<uint32_t>(keys.size()));
  }

  std::unique_ptr<net::RequestClient> client_;
  uint32_t width_;
  uint32_t pushes_ = 0;
};

struct Timing {
  double keys_per_s = 0;
  double p50_us = 0;
  double p99_us = 0;
};

// Calls request(i) for `seconds`; `keys` a call.
template <typename Request>
absl::StatusOr<Timing> Measure(double seconds, uint64_t keys, Request request) {
  for (size_t i = 0; i < kBatches; ++i) CARAVAN_RETURN_IF_ERROR(request(i));
  std::vector<double> micros;
  const SteadyClock::time_point start = SteadyClock::now();
  const auto total = [&] {
    return std::chrono::duration<double>(SteadyClock::now() - start).count();
  };
  while (total() < seconds) {
    const SteadyClock::time_point begin = SteadyClock::now();
    CARAVAN_RETURN_IF_ERROR(request(micros.size()));
    micros.push_back(std::chrono::duration<double, std::micro>(SteadyClock::now() - begin).count());
  }
  Timing timing;
  timing.keys_per_s = static_cast<double>(keys * micros.size()) / total();
  std::sort(micros.begin(), micros.end());
  timing.p50_us = micros[micros.size() / 2];
  timing.p99_us = micros[micros.size() * 99 / 100];
  return timing;
}

absl::Status AwaitLane(const ps::LaneRunner& lane) {
  while (!lane.is_ready()) {
    CARAVAN_RETURN_IF_ERROR(lane.failure());
    absl::SleepFor(absl::Milliseconds(5));
  }
  return absl::OkStatus();
}

absl::Status FillTable(BenchClient& client, const ServerBenchOptions& options,
                       std::vector<float>& gradients) {
  for (uint64_t first = 0; first < options.rows; first += options.keys) {
    std::vector<uint64_t> keys;
    for (uint64_t key = first; key < std::min(first + options.keys, options.rows); ++key) {
      keys.push_back(key);
    }
    CARAVAN_RETURN_IF_ERROR(client.Push(keys, gradients, /*with_keys=*/true));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerBenchFigures> MeasureServer(const ServerBenchOptions& options) {
  const ScratchFolder folder;
  if (folder.path().empty()) return absl::UnavailableError("cannot make a folder in /tmp");
  net::Context context;
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<ps::LaneRunner> lane,
                           ps::LaneRunner::Start(context, "ipc://" + folder.path() + "/lane"));
  lane->Build([spec = MakeSpec(options), path = folder.path()] {
    return ps::Lane::Create(spec, {.run_id = kRunId, .data_directory = path + "/rocksdb"});
  });
  CARAVAN_RETURN_IF_ERROR(AwaitLane(*lane));
  CARAVAN_ASSIGN_OR_RETURN(
      std::unique_ptr<net::RequestClient> connection,
      net::RequestClient::Connect(context, {lane->endpoint()}, {.run_id = kRunId, .sender = 1}));
  BenchClient client(std::move(connection), options.width);

  std::vector<float> gradients(uint64_t{options.keys} * options.width, 0.01F);
  CARAVAN_RETURN_IF_ERROR(FillTable(client, options, gradients));
  std::vector<std::vector<uint64_t>> batches;
  for (size_t i = 0; i < kBatches; ++i) {
    batches.push_back(DrawKeys(options.keys, options.rows, RandomStream(7, i)));
  }
  CARAVAN_ASSIGN_OR_RETURN(const Timing pull, Measure(options.seconds, options.keys, [&](size_t i) {
                             return client.Pull(batches[i % kBatches], /*with_keys=*/true);
                           }));
  CARAVAN_ASSIGN_OR_RETURN(const Timing push, Measure(options.seconds, options.keys, [&](size_t i) {
                             return client.Push(batches[i % kBatches], gradients,
                                                /*with_keys=*/false);
                           }));
  return ServerBenchFigures{.pull_keys_per_s = pull.keys_per_s,
                            .push_keys_per_s = push.keys_per_s,
                            .pull_p50_us = pull.p50_us,
                            .pull_p99_us = pull.p99_us,
                            .push_p50_us = push.p50_us,
                            .push_p99_us = push.p99_us,
                            .rows = options.rows,
                            .resident_bytes = lane->resident_bytes()};
}

}  // namespace caravan::launch
