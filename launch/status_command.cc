#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/status_macros.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/scheduler_client.h"
#include "scheduler/status.h"

namespace caravan::launch {
namespace {

constexpr Millis kPatience{10000};

void PrintMember(const scheduler::MemberStatus& member) {
  fmt::print("  {:<7} {:>4}  {}:{:<8} heard {:4.1f} s ago  {:>6.0f} MiB  {}{}{}\n", member.role(),
             member.id(), member.host(), member.pid(), member.seconds_since_heard(),
             member.resident_bytes() / (1 << 20), member.doing(),
             member.waiting_for().empty() ? "" : "; waits for ", member.waiting_for());
}

void PrintStatus(const scheduler::Status& status) {
  fmt::print("{}: epoch {} of {}, {} blocks of {} done, {} leased, of {}\n", status.phase(),
             std::min(status.epoch() + 1, status.epochs()), status.epochs(), status.blocks_done(),
             status.split(), status.blocks_leased(), status.blocks_total());
  fmt::print("{:.0f} samples, {:.0f} samples/s, loss {:.5f}, staleness {:.1f}\n", status.samples(),
             status.samples_per_s(), status.loss(), status.staleness_mean());
  fmt::print("workers {} of {} ({} lost), servers {} of {}, {:.0f} MiB\n", status.workers_alive(),
             status.workers_expected(), status.workers_lost(), status.servers_alive(),
             status.servers_expected(), status.resident_bytes() / (1 << 20));
  if (status.has_last_evaluation()) {
    const scheduler::EvaluationStatus& evaluation = status.last_evaluation();
    fmt::print("last evaluation: {} after epoch {}: NMAE {:.4f}, SMAPE {:.4f}\n",
               evaluation.split(), evaluation.epoch() + 1, evaluation.nmae(), evaluation.smape());
  }
  if (status.has_last_checkpoint()) {
    fmt::print("last checkpoint: {}\n", status.last_checkpoint().directory());
  }
  if (!status.waiting_for().empty()) fmt::print("all wait for {}\n", status.waiting_for());
  if (!status.message().empty()) fmt::print("{}\n", status.message());
  for (const scheduler::MemberStatus& member : status.members()) PrintMember(member);
}

absl::Status RunStatus(const CommandLine&) {
  if (FLAGS_scheduler.empty()) {
    return absl::InvalidArgumentError("--scheduler=ENDPOINT is needed");
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<SchedulerClient> client,
                           SchedulerClient::Connect(FLAGS_scheduler, 0, kPatience));
  CARAVAN_ASSIGN_OR_RETURN(const scheduler::Status status, client->AskStatus());
  if (!FLAGS_json) {
    PrintStatus(status);
    return absl::OkStatus();
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::string json, scheduler::StatusJson(status));
  fmt::print("{}\n", json);
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kStatusCommand = {
    .name = "status",
    .summary = "who does what in a run, and who waits for whom",
    .usage = "--scheduler=ENDPOINT [--json]",
    .example = "caravan status --scheduler=ipc:///tmp/caravan/scheduler",
    .flags = "scheduler json",
    .run = RunStatus,
};

}  // namespace caravan::launch
