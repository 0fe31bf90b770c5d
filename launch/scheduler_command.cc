#include <memory>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "data/block_plan.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/kill_switch.h"
#include "launch/report/metrics_writer.h"
#include "launch/run_directory.h"
#include "launch/stop_signals.h"
#include "scheduler/driver.h"

DECLARE_bool(resume);
DEFINE_bool(restart, false, "go on from the journal of a scheduler that was killed");

namespace caravan::launch {
namespace {

std::vector<scheduler::SplitBlocks> BlocksOf(const conf::BlockPlan& plan,
                                             const conf::Schema& schema) {
  std::vector<scheduler::SplitBlocks> splits;
  for (const conf::SplitSchema& split : schema.splits()) {
    scheduler::SplitBlocks blocks{.split = split.name(), .samples = {}};
    for (const data::BlockExtent& extent : data::Blocks(plan, split)) {
      blocks.samples.push_back(extent.samples);
    }
    splits.push_back(std::move(blocks));
  }
  return splits;
}

absl::Status RunSchedulerRole(const CommandLine&) {
  if (FLAGS_listen.empty()) return absl::InvalidArgumentError("--listen=ENDPOINT is needed");
  const std::atomic<int>& stop_signals = CountStopSignals();
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunDirectory::At(FLAGS_run));
  CARAVAN_ASSIGN_OR_RETURN(conf::RunSpec spec, LoadRunSpec(run));
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<MetricsWriter> observer,
                           MetricsWriter::Open(run, spec));
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<KillPoints> kill_points,
                           TakeKillPoints("scheduler"));
  scheduler::SchedulerOptions options{
      .listen = FLAGS_listen,
      .spec = spec,
      .blocks = [&spec](const conf::BlockPlan& plan) { return BlocksOf(plan, spec.schema()); },
      .resume = FLAGS_resume,
      .restart = FLAGS_restart,
      .kill_points = kill_points.get()};
  options.spec.set_run_directory(run.path());
  const absl::Status status = scheduler::RunScheduler(options, *observer, stop_signals);
  // To be stopped on request is what was asked for, not a failure.
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace

extern constexpr Command kSchedulerCommand = {
    .name = "scheduler",
    .summary = "the scheduler of a run: leases blocks, evaluates, checkpoints",
    .usage = "--run=DIR --listen=ENDPOINT [--resume|--restart]",
    .example = "caravan scheduler --run=runs/us_flights --listen=ipc:///tmp/caravan/scheduler",
    .flags = "run listen resume restart",
    .run = RunSchedulerRole,
};

}  // namespace caravan::launch
