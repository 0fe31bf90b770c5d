#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/status_macros.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/kill_switch.h"
#include "launch/version.h"
#include "ps/server.h"

DEFINE_string(state, "", "folder for the lanes' databases; empty: below the run's directory");
DEFINE_int32(number, -1, "which server of the run it would be, from 0; -1: whichever is free");
DECLARE_uint32(lanes);            // 0: as many as the scheduler's job has
DECLARE_uint64(job_fingerprint);  // 0: whatever job the scheduler has
DECLARE_uint64(run_id);           // 0: whatever run the scheduler has

namespace caravan::launch {
namespace {

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "it is set by a signal");

void RequestStop(int) { stop_requested = true; }

absl::Status RunServerRole(const CommandLine&) {
  if (FLAGS_scheduler.empty() || FLAGS_listen.empty()) {
    return absl::InvalidArgumentError("--scheduler=ENDPOINT and --listen=PLACE are needed");
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<KillPoints> kill_points,
                           TakeKillPoints(std::filesystem::path(FLAGS_listen).filename().string()));
  std::signal(SIGTERM, RequestStop);
  std::signal(SIGINT, RequestStop);
  return ps::RunServer(
      {.scheduler = FLAGS_scheduler,
       .listen = FLAGS_listen,
       .lanes = FLAGS_lanes,
       .number = FLAGS_number < 0 ? std::nullopt : std::optional<uint32_t>(FLAGS_number),
       .state_directory = FLAGS_state,
       .version = std::string(kVersion),
       .job_fingerprint = FLAGS_job_fingerprint,
       .run_id = FLAGS_run_id,
       .stop = &stop_requested,
       .kill_points = kill_points.get()});
}

}  // namespace

extern constexpr Command kServerCommand = {
    .name = "server",
    .summary = "a parameter server: serves its lanes to the workers of a scheduler's run",
    .usage =
        "--scheduler=ENDPOINT --listen=FOLDER|tcp://HOST:PORT [--lanes=N] [--number=N] "
        "[--state=DIR]",
    .example =
        "caravan server --scheduler=ipc:///tmp/caravan/scheduler --listen=/tmp/caravan/server-0",
    .flags = "scheduler listen lanes number state job_fingerprint run_id",
    .run = RunServerRole,
};

}  // namespace caravan::launch
