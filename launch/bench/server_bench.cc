#include "launch/bench/server_bench.h"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "absl/time/clock.h"
#include "base/file.h"
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

conf::RunSpec MakeSpec(const ServerBenchOptions& options, conf::Durability durability) {
  conf::RunSpec spec;
  spec.set_run_id(kRunId);
  spec.mutable_job()->mutable_cluster()->set_durability(durability);
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

double Percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

// Times of one kind of request.
class Timing {
 public:
  template <typename Request>
  absl::Status Time(Request request) {
    const SteadyClock::time_point begin = SteadyClock::now();
    CARAVAN_RETURN_IF_ERROR(request(micros_.size()));
    micros_.push_back(
        std::chrono::duration<double, std::micro>(SteadyClock::now() - begin).count());
    total_us_ += micros_.back();
    return absl::OkStatus();
  }
  double total_s() const { return total_us_ / 1e6; }
  double keys_per_s(uint64_t keys) const {
    return static_cast<double>(keys * micros_.size()) / total_s();
  }
  double p50_us() { return Percentile(micros_, 0.5); }
  double p99_us() { return Percentile(micros_, 0.99); }
  double longest_us() { return Percentile(micros_, 1); }
  size_t requests() const { return micros_.size(); }

 private:
  std::vector<double> micros_;
  double total_us_ = 0;
};

// Calls request(i) for `seconds` of its own time.
template <typename Request>
absl::StatusOr<Timing> Measure(double seconds, Request request) {
  for (size_t i = 0; i < kBatches; ++i) CARAVAN_RETURN_IF_ERROR(request(i));
  Timing timing;
  while (timing.total_s() < seconds) CARAVAN_RETURN_IF_ERROR(timing.Time(request));
  return timing;
}

// A lane on a thread of its own, with the table filled, and its client.
class BenchLane {
 public:
  BenchLane(net::Context& context, const ServerBenchOptions& options, std::string folder)
      : context_(context), options_(options), folder_(std::move(folder)) {}

  absl::Status Start(conf::Durability durability,
                     const std::vector<std::vector<uint64_t>>& batches) {
    batches_ = &batches;
    CARAVAN_RETURN_IF_ERROR(CreateDirectories(folder_));
    CARAVAN_ASSIGN_OR_RETURN(lane_, ps::LaneRunner::Start(context_, "ipc://" + folder_ + "/lane"));
    lane_->Build([spec = MakeSpec(options_, durability), path = folder_, side = lane_->side()] {
      return ps::Lane::Create(spec,
                              {.run_id = kRunId, .data_directory = path + "/state", .side = side});
    });
    while (!lane_->is_ready()) {
      CARAVAN_RETURN_IF_ERROR(lane_->failure());
      absl::SleepFor(absl::Milliseconds(5));
    }
    CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<net::RequestClient> connection, Connect(1));
    client_.emplace(std::move(connection), options_.width);
    gradients_.assign(uint64_t{options_.keys} * options_.width, 0.01F);
    return FillTable();
  }

  absl::Status Pull(size_t i) {
    return client_->Pull((*batches_)[i % kBatches], /*with_keys=*/true);
  }
  absl::Status Push(size_t i, bool with_keys = false) {
    return client_->Push((*batches_)[i % kBatches], gradients_, with_keys);
  }
  uint64_t resident_bytes() const { return lane_->resident_bytes(); }

  // Pulls and pushes in turn until is_over().
  template <typename IsOver>
  absl::StatusOr<MixedFigures> Mix(IsOver is_over) {
    Timing pulls;
    Timing pushes;
    const SteadyClock::time_point start = SteadyClock::now();
    while (!is_over()) {
      CARAVAN_RETURN_IF_ERROR(pulls.Time([&](size_t i) { return Pull(i); }));
      CARAVAN_RETURN_IF_ERROR(pushes.Time([&](size_t i) { return Push(i); }));
    }
    return MixedFigures{
        .seconds = std::chrono::duration<double>(SteadyClock::now() - start).count(),
        .requests = pulls.requests() + pushes.requests(),
        .pull_p99_us = pulls.p99_us(),
        .push_p99_us = pushes.p99_us(),
        .longest_us = std::max(pulls.longest_us(), pushes.longest_us())};
  }

  absl::StatusOr<MixedFigures> MixFor(double seconds) {
    const SteadyClock::time_point end =
        SteadyClock::now() + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
    return Mix([&] { return SteadyClock::now() >= end; });
  }

  // While checkpoint `number` is written, which another client asks for.
  absl::StatusOr<MixedFigures> MixWithCheckpoint(uint64_t number) {
    CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<net::RequestClient> client, Connect(1 + number));
    client->SetRun(kRunId, 0);
    const std::string directory = fmt::format("{}/checkpoint-{}", folder_, number);
    CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
    net::Header header;
    header.mutable_save_checkpoint()->set_checkpoint(number);
    header.mutable_save_checkpoint()->set_directory(directory);
    const uint64_t ticket = client->Start(0, header, {});
    CARAVAN_ASSIGN_OR_RETURN(const MixedFigures figures,
                             Mix([&] { return client->IsAnswered(ticket); }));
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client->Await(ticket));
    CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
    return figures;
  }

 private:
  absl::StatusOr<std::unique_ptr<net::RequestClient>> Connect(uint64_t sender) {
    return net::RequestClient::Connect(context_, {lane_->endpoint()},
                                       {.run_id = kRunId, .sender = sender});
  }

  absl::Status FillTable() {
    for (uint64_t first = 0; first < options_.rows; first += options_.keys) {
      std::vector<uint64_t> keys;
      for (uint64_t key = first; key < std::min(first + options_.keys, options_.rows); ++key) {
        keys.push_back(key);
      }
      CARAVAN_RETURN_IF_ERROR(client_->Push(keys, gradients_, /*with_keys=*/true));
    }
    for (size_t i = 0; i < kBatches; ++i) CARAVAN_RETURN_IF_ERROR(Push(i, /*with_keys=*/true));
    return absl::OkStatus();
  }

  net::Context& context_;
  const ServerBenchOptions& options_;
  const std::string folder_;
  std::unique_ptr<ps::LaneRunner> lane_;
  std::optional<BenchClient> client_;
  std::vector<float> gradients_;
  const std::vector<std::vector<uint64_t>>* batches_ = nullptr;
};

// Pushes until the log has gone through its room once: from then on it uses that again.
absl::Status FillLog(BenchLane& lane, const ServerBenchOptions& options) {
  constexpr uint64_t kRooms = 2;  // an image is written meanwhile
  const uint64_t room = uint64_t{conf::Server::default_instance().log_mebibytes()} << 20;
  const uint64_t push_bytes = options.keys * (sizeof(uint64_t) + options.width * sizeof(float));
  for (uint64_t i = 0; i < kRooms * room / push_bytes; ++i) CARAVAN_RETURN_IF_ERROR(lane.Push(i));
  return absl::OkStatus();
}

// Both lanes in short turns; what the log costs is the median over the turns.
absl::Status MeasurePushes(BenchLane& lane, BenchLane& unlogged, const ServerBenchOptions& options,
                           ServerBenchFigures& figures) {
  constexpr int kTurns = 20;
  Timing pushes;
  Timing unlogged_pushes;
  std::vector<double> costs;
  const auto take_turn = [&](BenchLane& of, Timing& timing) -> absl::StatusOr<double> {
    const double before_s = timing.total_s();
    const size_t before = timing.requests();
    while (timing.total_s() - before_s < options.seconds / kTurns) {
      CARAVAN_RETURN_IF_ERROR(timing.Time([&](size_t i) { return of.Push(i); }));
    }
    return (timing.total_s() - before_s) / static_cast<double>(timing.requests() - before);
  };
  for (int turn = 0; turn < kTurns; ++turn) {
    CARAVAN_ASSIGN_OR_RETURN(const double logged_s, take_turn(lane, pushes));
    CARAVAN_ASSIGN_OR_RETURN(const double unlogged_s, take_turn(unlogged, unlogged_pushes));
    costs.push_back(1 - unlogged_s / logged_s);
  }
  figures.push_keys_per_s = pushes.keys_per_s(options.keys);
  figures.push_p50_us = pushes.p50_us();
  figures.push_p99_us = pushes.p99_us();
  figures.unlogged_push_keys_per_s = unlogged_pushes.keys_per_s(options.keys);
  figures.log_cost = Percentile(costs, 0.5);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerBenchFigures> MeasureServer(const ServerBenchOptions& options) {
  const ScratchFolder folder;
  if (folder.path().empty()) return absl::UnavailableError("cannot make a folder in /tmp");
  net::Context context;
  std::vector<std::vector<uint64_t>> batches;
  for (size_t i = 0; i < kBatches; ++i) {
    batches.push_back(DrawKeys(options.keys, options.rows, RandomStream(7, i)));
  }
  BenchLane lane(context, options, folder.path() + "/logged");
  CARAVAN_RETURN_IF_ERROR(lane.Start(options.durability, batches));
  ServerBenchFigures figures{.rows = options.rows};
  CARAVAN_ASSIGN_OR_RETURN(Timing pull,
                           Measure(options.seconds, [&](size_t i) { return lane.Pull(i); }));
  figures.pull_keys_per_s = pull.keys_per_s(options.keys);
  figures.pull_p50_us = pull.p50_us();
  figures.pull_p99_us = pull.p99_us();
  if (options.durability == conf::CHECKPOINT) {
    CARAVAN_ASSIGN_OR_RETURN(Timing push,
                             Measure(options.seconds, [&](size_t i) { return lane.Push(i); }));
    figures.push_keys_per_s = push.keys_per_s(options.keys);
    figures.push_p50_us = push.p50_us();
    figures.push_p99_us = push.p99_us();
    figures.unlogged_push_keys_per_s = figures.push_keys_per_s;
  } else {
    BenchLane unlogged(context, options, folder.path() + "/unlogged");
    CARAVAN_RETURN_IF_ERROR(unlogged.Start(conf::CHECKPOINT, batches));
    CARAVAN_RETURN_IF_ERROR(FillLog(lane, options));
    CARAVAN_RETURN_IF_ERROR(MeasurePushes(lane, unlogged, options, figures));
  }
  figures.resident_bytes = lane.resident_bytes();
  if (options.checkpoint) {
    CARAVAN_ASSIGN_OR_RETURN(figures.quiet, lane.MixFor(options.seconds));
    CARAVAN_ASSIGN_OR_RETURN(figures.checkpoint, lane.MixWithCheckpoint(1));
    CARAVAN_ASSIGN_OR_RETURN(figures.second_checkpoint, lane.MixWithCheckpoint(2));
  }
  return figures;
}

}  // namespace caravan::launch
