#include "launch/bench/server_bench.h"

#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace caravan::launch {
namespace {

constexpr size_t kWarmUp = 16;

// Calls request(i) for `seconds` of its own time.
absl::StatusOr<Timing> Measure(double seconds, absl::FunctionRef<absl::Status(size_t)> request) {
  for (size_t i = 0; i < kWarmUp; ++i) CARAVAN_RETURN_IF_ERROR(request(i));
  Timing timing;
  while (timing.total_s() < seconds) CARAVAN_RETURN_IF_ERROR(timing.Time(request));
  return timing;
}

// Pushes until the log has gone through its room: from then on it uses that again.
absl::Status FillLog(BenchLane& lane, const ServerBenchOptions& options) {
  constexpr uint64_t kRooms = 3;  // more than one is used while an image is written
  const uint64_t room = uint64_t{conf::Server::default_instance().log_mebibytes()} << 20;
  const uint64_t push_bytes = options.keys * (sizeof(uint64_t) + options.width * sizeof(float));
  for (uint64_t i = 0; i < kRooms * room / push_bytes; ++i) CARAVAN_RETURN_IF_ERROR(lane.Push(i));
  return absl::OkStatus();
}

// Pushes of one lane in short turns.
class PushTurns {
 public:
  explicit PushTurns(BenchLane& lane) : lane_(lane) {}

  // The lane's processor time a push, in microseconds.
  absl::StatusOr<double> Take(double seconds) {
    const double before_s = timing_.total_s();
    const size_t before = timing_.requests();
    const std::chrono::nanoseconds lane_before = lane_.processor_time();
    while (timing_.total_s() - before_s < seconds) {
      CARAVAN_RETURN_IF_ERROR(timing_.Time([&](size_t i) { return lane_.Push(i); }));
    }
    const std::chrono::duration<double, std::micro> used = lane_.processor_time() - lane_before;
    lane_us_.push_back(used.count() / static_cast<double>(timing_.requests() - before));
    return lane_us_.back();
  }
  const Timing& timing() const { return timing_; }
  double lane_us() const { return Median(lane_us_); }

 private:
  BenchLane& lane_;
  Timing timing_;
  std::vector<double> lane_us_;
};

// Both lanes in turns; what the log costs is the median over the turns.
absl::Status MeasurePushes(BenchLane& lane, BenchLane& unlogged, const ServerBenchOptions& options,
                           ServerBenchFigures& figures) {
  constexpr int kTurns = 20;
  PushTurns pushes(lane);
  PushTurns unlogged_pushes(unlogged);
  std::vector<double> costs;
  for (int turn = 0; turn < kTurns; ++turn) {
    CARAVAN_ASSIGN_OR_RETURN(const double logged_us, pushes.Take(options.seconds / kTurns));
    CARAVAN_ASSIGN_OR_RETURN(const double unlogged_us,
                             unlogged_pushes.Take(options.seconds / kTurns));
    costs.push_back(1 - unlogged_us / logged_us);
  }
  figures.push_keys_per_s = pushes.timing().keys_per_s(options.keys);
  figures.push_p50_us = pushes.timing().p50_us();
  figures.push_p99_us = pushes.timing().p99_us();
  figures.unlogged_push_keys_per_s = unlogged_pushes.timing().keys_per_s(options.keys);
  figures.push_lane_us = pushes.lane_us();
  figures.unlogged_push_lane_us = unlogged_pushes.lane_us();
  figures.log_cost = Median(std::move(costs));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerBenchFigures> MeasureServer(const ServerBenchOptions& options) {
  CARAVAN_ASSIGN_OR_RETURN(const ScratchFolder folder, ScratchFolder::Create());
  net::Context context;
  const uint32_t log_mebibytes = conf::Server::default_instance().log_mebibytes();
  BenchLane lane(context, options, folder.path() + "/logged", log_mebibytes);
  CARAVAN_RETURN_IF_ERROR(lane.Start(options.durability));
  ServerBenchFigures figures{.rows = options.rows};
  CARAVAN_ASSIGN_OR_RETURN(const Timing pull,
                           Measure(options.seconds, [&](size_t i) { return lane.Pull(i); }));
  figures.pull_keys_per_s = pull.keys_per_s(options.keys);
  figures.pull_p50_us = pull.p50_us();
  figures.pull_p99_us = pull.p99_us();
  if (options.durability == conf::CHECKPOINT) {
    CARAVAN_ASSIGN_OR_RETURN(const Timing push,
                             Measure(options.seconds, [&](size_t i) { return lane.Push(i); }));
    figures.push_keys_per_s = push.keys_per_s(options.keys);
    figures.push_p50_us = push.p50_us();
    figures.push_p99_us = push.p99_us();
    figures.unlogged_push_keys_per_s = figures.push_keys_per_s;
  } else {
    BenchLane unlogged(context, options, folder.path() + "/unlogged", log_mebibytes);
    CARAVAN_RETURN_IF_ERROR(unlogged.Start(conf::CHECKPOINT));
    CARAVAN_RETURN_IF_ERROR(FillLog(lane, options));
    CARAVAN_RETURN_IF_ERROR(MeasurePushes(lane, unlogged, options, figures));
  }
  figures.resident_bytes = lane.resident_bytes();
  if (options.durability == conf::CHECKPOINT) return figures;
  CARAVAN_ASSIGN_OR_RETURN(figures.recovery_s, lane.Restart());
  return figures;
}

}  // namespace caravan::launch
