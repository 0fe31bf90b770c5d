// Runs simulations of the cluster, one a seed:
//
//   soak --seeds=200000 --jobs=2          as many as one likes
//   soak --first=4711 --seeds=1 --trace   one again, with all that happened
//
// Simulated: the network (messages lost, late, twice, out of order; hosts and links cut off), the
// disk (tests/sim/disk.h), the clock, the launcher (tests/sim/cluster.h), and the processes, which
// die and stop at any step (tests/sim/faults.h). Real: the coordinator, the lanes with all that is
// below them down to the disk's interface, the worker's protocol (blocks, marks, pulls, pushes,
// reports), the table of requests under way, and every message as it is on the wire.
//
// Not simulated: sockets and threads (the drivers are replaced by a few lines each), RocksDB (a map
// that loses what RocksDB may lose), the sample reader and the net (keys and gradients are made
// up), TLS, other clocks than one.
//
// After each run: every shard has counted every sample of every epoch once; every row, slot, step
// and dense chunk is bit for bit what a lane without faults makes of the pushes in the order in
// which they were applied; nothing that was acknowledged is gone. A run that does not end says who
// waits for whom.
#include <gflags/gflags.h>
#include <glog/logging.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "tests/sim/simulation.h"

DEFINE_uint64(seeds, 1000, "how many runs");
DEFINE_uint64(first, 1, "the first seed");
DEFINE_uint32(jobs, 1, "threads, a run each");
DEFINE_uint32(failures_max, 5, "stop after so many seeds that fail");
DEFINE_bool(server_faults, true, "servers die, stop, are cut off and lose their disks");
DEFINE_string(disk_faults, "some",
              "full disks, losses of power, deaths within a disk operation: in all seeds, none, or "
              "some (the same ones as in tests)");
DEFINE_bool(trace, false, "print all that happened");
DEFINE_uint32(plant, 0, "a bug to put in, see tests/sim/world.h: 1 to 3");

namespace caravan::sim {
namespace {

class Soak {
 public:
  int Run() {
    const auto begun = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < FLAGS_jobs; ++i) threads.emplace_back([this] { RunSeeds(); });
    for (std::thread& thread : threads) thread.join();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    const auto runs = static_cast<double>(std::max<uint64_t>(total_.runs, 1));
    fmt::print(
        "{} seeds from {} in {:.1f} s ({:.2f} ms a seed on {} threads), {} failed\n"
        "{:.1f} simulated s and {:.0f} messages a seed, {} pushes applied, {} checkpoints\n"
        "killed: {} workers, {} servers, {} schedulers; {} losses of power, {} resumptions\n",
        total_.runs, FLAGS_first, passed.count(), passed.count() * 1000 * FLAGS_jobs / runs,
        FLAGS_jobs, failures_.load(), total_.simulated_s / runs,
        static_cast<double>(total_.messages) / runs, total_.pushes, total_.mishaps.checkpoints,
        total_.mishaps.workers_killed, total_.mishaps.servers_killed,
        total_.mishaps.schedulers_killed, total_.mishaps.power_losses, total_.mishaps.resumptions);
    return failures_ == 0 ? 0 : 1;
  }

 private:
  struct Total {
    uint64_t runs = 0;
    double simulated_s = 0;
    uint64_t messages = 0;
    uint64_t pushes = 0;
    Mishaps mishaps;
  };

  void RunSeeds() {
    while (failures_ < FLAGS_failures_max) {
      const uint64_t run = next_++;
      if (run >= FLAGS_seeds) return;
      const uint64_t seed = FLAGS_first + run;
      const Outcome outcome = Simulate({.seed = seed,
                                        .keeps_trace = FLAGS_trace,
                                        .plant = static_cast<Plant>(FLAGS_plant),
                                        .faults = FaultsOf(seed)});
      const std::lock_guard<std::mutex> lock(mutex_);
      Add(outcome);
      if (outcome.status.ok() && !FLAGS_trace) continue;
      fmt::print("{}seed {}: {}\n", outcome.story, seed, outcome.status.ToString());
      std::fflush(stdout);
      if (!outcome.status.ok()) ++failures_;
    }
  }

  static FaultKinds FaultsOf(uint64_t seed) {
    FaultKinds kinds = FaultsOfSeed(seed);
    kinds.servers = FLAGS_server_faults;
    if (FLAGS_disk_faults != "some") kinds.disks = FLAGS_disk_faults == "all";
    return kinds;
  }

  void Add(const Outcome& outcome) {
    ++total_.runs;
    total_.simulated_s += static_cast<double>(outcome.simulated.count()) / 1000;
    total_.messages += outcome.messages;
    total_.pushes += outcome.pushes;
    total_.mishaps.checkpoints += outcome.mishaps.checkpoints;
    total_.mishaps.workers_killed += outcome.mishaps.workers_killed;
    total_.mishaps.servers_killed += outcome.mishaps.servers_killed;
    total_.mishaps.schedulers_killed += outcome.mishaps.schedulers_killed;
    total_.mishaps.power_losses += outcome.mishaps.power_losses;
    total_.mishaps.resumptions += outcome.mishaps.resumptions;
  }

  std::atomic<uint64_t> next_ = 0;
  std::atomic<uint32_t> failures_ = 0;
  std::mutex mutex_;
  Total total_;
};

}  // namespace
}  // namespace caravan::sim

int main(int argc, char** argv) {
  gflags::SetUsageMessage("runs simulations of the cluster, one a seed");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  FLAGS_logtostderr = true;
  // What the parts log of a run is of use only beside its trace.
  if (!FLAGS_trace) FLAGS_minloglevel = google::GLOG_FATAL;
  google::InitGoogleLogging(argv[0]);
  return caravan::sim::Soak().Run();
}
