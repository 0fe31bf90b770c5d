// A lane for measuring: on a thread of its own, behind a real socket, with one table that is full,
// and the one client that asks it.
#ifndef CARAVAN_LAUNCH_BENCH_BENCH_LANE_H_
#define CARAVAN_LAUNCH_BENCH_BENCH_LANE_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "net/request_client.h"
#include "net/socket.h"
#include "ps/lane_runner.h"

namespace caravan::launch {

struct ServerBenchOptions {
  uint32_t keys = 10000;   // of a pull or push
  uint32_t width = 16;     // floats a row
  uint64_t rows = 300000;  // in the lane's table
  double seconds = 2;      // of each phase
  conf::Optimizer optimizer;
  conf::Durability durability = conf::PROCESS;
};

// A folder below /tmp, removed with it.
class ScratchFolder {
 public:
  static absl::StatusOr<ScratchFolder> Create();
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;  // empty: moved from
};

// Times of one kind of request.
class Timing {
 public:
  void Add(double micros) {
    micros_.push_back(micros);
    total_us_ += micros;
  }
  void Add(const Timing& other) {
    for (const double micros : other.micros_) Add(micros);
  }
  // What `request`, called with the number of those before, takes.
  absl::Status Time(absl::FunctionRef<absl::Status(size_t)> request);
  double total_s() const { return total_us_ / 1e6; }
  double keys_per_s(uint64_t keys) const {
    return static_cast<double>(keys * micros_.size()) / total_s();
  }
  double p50_us() const { return Percentile(0.5); }
  double p99_us() const { return Percentile(0.99); }
  double longest_us() const { return Percentile(1); }
  size_t requests() const { return micros_.size(); }

 private:
  double Percentile(double share) const;

  std::vector<double> micros_;
  double total_us_ = 0;
};

double Median(std::vector<double> values);

// Owned and called by one thread.
class BenchLane {
 public:
  // `log_mebibytes`: as in conf::Server.
  BenchLane(net::Context& context, const ServerBenchOptions& options, std::string folder,
            uint32_t log_mebibytes);

  // Fills the table.
  absl::Status Start(conf::Durability durability);
  // Ends the lane's thread as it stands and brings the lane back from its folder, as after a death;
  // the seconds until it serves again.
  absl::StatusOr<double> Restart();

  // Of sets of keys that come again; a push sends their signature alone.
  absl::Status Pull(size_t i);
  absl::Status Push(size_t i);

  // Requests of keys that were never asked for together, started and not waited for.
  void StartPull();
  void StartPush();
  // Whether the first of those that were started is answered; it is then taken off.
  absl::StatusOr<bool> TakeAnswer();
  bool has_open() const { return !open_.empty(); }

  // A connection of its own.
  absl::StatusOr<std::unique_ptr<net::RequestClient>> Connect(uint64_t sender);

  const std::string& folder() const { return folder_; }
  uint64_t resident_bytes() const { return lane_->resident_bytes(); }
  // Processor time of the lane's thread so far.
  std::chrono::nanoseconds processor_time() { return lane_->processor_time(); }

 private:
  struct Open {
    uint64_t ticket = 0;
    bool is_push = false;
  };

  enum class From { kNothing, kFolder };
  absl::Status Build(From from);
  absl::Status FillTable();
  std::vector<uint64_t> DrawKeys();
  uint64_t SendPull(const std::vector<uint64_t>& keys);
  uint64_t SendPush(const std::vector<uint64_t>& keys, bool with_keys);
  absl::Status Check(const Open& open, size_t keys);

  net::Context& context_;
  const ServerBenchOptions& options_;
  const std::string folder_;
  const uint32_t log_mebibytes_;
  conf::Durability durability_{};
  std::unique_ptr<ps::LaneRunner> lane_;
  std::unique_ptr<net::RequestClient> client_;
  std::vector<float> gradients_;
  std::vector<std::vector<uint64_t>> batches_;
  std::deque<Open> open_;
  uint32_t pushes_ = 0;
  uint64_t draws_ = 0;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_BENCH_BENCH_LANE_H_
