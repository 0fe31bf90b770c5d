// A worker, from its hello to its leaving: joins a run, builds the net, and computes the blocks
// that the scheduler leases to it.
#ifndef CARAVAN_WORKER_WORKER_H_
#define CARAVAN_WORKER_WORKER_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace caravan::worker {

struct WorkerOptions {
  std::string scheduler;                    // endpoint
  std::string version;                      // of the program; the scheduler refuses another one
  uint64_t job_fingerprint = 0;             // 0: takes the scheduler's job, whatever it is
  const std::atomic<bool>* stop = nullptr;  // set by a signal; may be null
  // A folder shared by the workers of this machine, which take turns at its processors
  // (worker/turn_gate.h); empty: no turns.
  std::string turns_directory = {};
};

// Four threads: this one computes and pushes; others fetch and pull, send heartbeats, and do
// ZeroMQ's I/O. Returns when the run is over or the worker is told to leave (OK); else with what
// went wrong: refused by the scheduler, another model than the run's, a peer silent for longer than
// worker.give_up_after_ms, a gradient that is not finite. Taken for dead by mistake, it joins anew.
// What was not acknowledged when it leaves is computed again by others: nothing is lost.
absl::Status RunWorker(const WorkerOptions& options);

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_WORKER_H_
