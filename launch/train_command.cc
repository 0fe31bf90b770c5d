#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "launch/commands.h"
#include "launch/flags.h"
#include "launch/report/progress_printer.h"
#include "launch/report/run_record.h"
#include "launch/report/run_summary.h"
#include "launch/run_directory.h"
#include "launch/run_preparation.h"
#include "launch/stop_signals.h"
#include "launch/training.h"
#include "net/manifest_file.h"
#include "scheduler/early_stopping.h"

DEFINE_bool(resume, false, "go on with the run from its last complete checkpoint");
DEFINE_uint64(stop_after_batches, 0,
              "stop, with a checkpoint, once so many batches are applied; 0: at the end");

namespace caravan::launch {
namespace {

// Its newest checkpoint says that there is nothing more to train, and the test scores after it are
// there.
bool IsAllDone(const RunDirectory& run, const conf::RunSpec& spec) {
  const absl::StatusOr<std::string> newest = net::LatestCheckpoint(run.CheckpointsDirectory());
  if (!newest.ok()) return false;
  const absl::StatusOr<conf::Manifest> manifest = net::ReadManifest(*newest);
  if (!manifest.ok() || !manifest->queue().finished()) return false;
  const conf::QueueState& queue = manifest->queue();
  const conf::Training& training = spec.job().training();
  const uint32_t last = queue.epoch();
  if (last + 1 != training.epochs() &&
      !scheduler::EarlyStopping(training, queue.validation()).has_stopped()) {
    return false;
  }
  const absl::StatusOr<RunRecord> record = LoadRunRecord(run.MetricsFile(), spec.schema());
  if (!record.ok()) return false;
  const EvaluationRecord* test = record->LastEvaluation("test");
  return record->ended_well && test != nullptr && test->epoch == last;
}

absl::Status RunTrain(const CommandLine& line) {
  if (!line.arguments.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no flag; `caravan train --help` lists all", line.arguments[0]));
  }
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory run, RunDirectory::At(FLAGS_run));
  if (FLAGS_resume) {
    CARAVAN_RETURN_IF_ERROR(LoadRunSpec(run).status());
  } else {
    CARAVAN_RETURN_IF_ERROR(run.CreateNew());
  }
  CARAVAN_ASSIGN_OR_RETURN(const RunLock lock, RunLock::Take(run));
  const SystemClock clock;
  const std::unique_ptr<ProgressPrinter> printer =
      MakeProgressPrinter(std::filesystem::path(run.path()).filename().string(), clock);
  const auto note = [&](const std::string& text, bool keep) { printer->Note(text, keep); };
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec spec,
                           PrepareRun({.job_path = FLAGS_job,
                                       .data_directory = FLAGS_data,
                                       .overrides = WithFlags(line.overrides),
                                       .resume = FLAGS_resume,
                                       .stop_after_batches = FLAGS_stop_after_batches,
                                       .note = note},
                                      run));
  if (FLAGS_resume && IsAllDone(run, spec)) {
    printer->Note(
        fmt::format("all {} epochs are done and evaluated already; nothing is left to do. "
                    "--set=training.epochs=N makes the run longer{}",
                    spec.job().training().epochs(),
                    spec.job().training().has_early_stopping()
                        ? ", --set=training.early_stopping.patience=N one that stopped early"
                        : ""),
        true);
    printer->Finish();
    return absl::OkStatus();
  }
  // Until here a signal ends the process at once, and nothing is lost by it.
  const std::atomic<int>& stop_signals = CountStopSignals();
  const absl::Status trained = Train({.run = run,
                                      .spec = spec,
                                      .listen = FLAGS_listen,
                                      .resume = FLAGS_resume,
                                      .stop_signals = &stop_signals,
                                      .clock = &clock,
                                      .printer = printer.get()});
  printer->Finish();
  const absl::Status summarised = SummariseRun(run, spec);
  return trained.ok() ? summarised : trained;
}

}  // namespace

extern constexpr Command kTrainCommand = {
    .name = "train",
    .summary = "trains a job: starts scheduler, servers and workers, evaluates, checkpoints",
    .usage = "--job=FILE --run=DIR [--data=DIR] [--set=FIELD=VALUE ...], or --run=DIR --resume",
    .example = "caravan train --job=conf/us_flights/job.txtpb --run=runs/us_flights",
    .flags =
        "job run data resume workers servers lanes stop_after_batches listen "
        "hold_out_scenario keep_fraction set",
    .run = RunTrain,
};

}  // namespace caravan::launch
