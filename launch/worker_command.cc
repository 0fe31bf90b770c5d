#include <malloc.h>

#include <atomic>
#include <csignal>
#include <string>

#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/version.h"
#include "worker/worker.h"

DEFINE_uint64(job_fingerprint, 0, "join only a run of this job; 0: whatever job the scheduler has");

DEFINE_uint64(run_id, 0, "join only this run; 0: whatever run the scheduler has");
DEFINE_string(turns_directory, "",
              "a folder shared by the workers of this machine, which take turns at its processors");

namespace caravan::launch {
namespace {

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "it is set by a signal");

void RequestStop(int) { stop_requested = true; }

absl::Status RunWorkerRole(const CommandLine&) {
  if (FLAGS_scheduler.empty()) {
    return absl::InvalidArgumentError("--scheduler=ENDPOINT is needed");
  }
  // Many workers share a machine: an arena a thread would cost each of them tens of megabytes, more
  // so as what is freed is kept (base/freed_memory.h).
  mallopt(M_ARENA_MAX, 1);
  std::signal(SIGTERM, RequestStop);
  std::signal(SIGINT, RequestStop);
  return worker::RunWorker({.scheduler = FLAGS_scheduler,
                            .version = std::string(kVersion),
                            .job_fingerprint = FLAGS_job_fingerprint,
                            .run_id = FLAGS_run_id,
                            .stop = &stop_requested,
                            .turns_directory = FLAGS_turns_directory});
}

}  // namespace

extern constexpr Command kWorkerCommand = {
    .name = "worker",
    .summary = "a worker: computes the blocks that a scheduler leases to it",
    .usage = "--scheduler=ENDPOINT [--job_fingerprint=N] [--run_id=N] [--turns_directory=DIR]",
    .example = "caravan worker --scheduler=ipc:///tmp/caravan/scheduler",
    .flags = "scheduler job_fingerprint run_id turns_directory",
    .run = RunWorkerRole,
};

}  // namespace caravan::launch
