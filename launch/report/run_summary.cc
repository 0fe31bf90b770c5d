#include "launch/report/run_summary.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/file.h"
#include "base/status_macros.h"
#include "launch/report/report.h"
#include "launch/report/run_record.h"
#include "launch/report/score_table.h"
#include "net/manifest_file.h"

namespace caravan::launch {

namespace {

// With training.early_stopping.
void PrintBestEpoch(const RunDirectory& run, const conf::RunSpec& spec,
                    const std::string& checkpoint) {
  const absl::StatusOr<conf::Manifest> manifest = net::ReadManifest(checkpoint);
  if (!manifest.ok() || !manifest->queue().validation().has_best_epoch()) return;
  const conf::QueueState& queue = manifest->queue();
  const uint32_t epochs = spec.job().training().epochs();
  if (queue.finished() && queue.epoch() + 1 < epochs) {
    fmt::print("training    stopped early, after epoch {} of {}\n", queue.epoch() + 1, epochs);
  }
  const absl::StatusOr<uint64_t> best = net::BestCheckpoint(run.CheckpointsDirectory());
  fmt::print("best epoch  {}, {:.4f} on the validation split: {}\n",
             queue.validation().best_epoch() + 1, queue.validation().best_score(),
             best.ok() ? fmt::format("checkpoint {}, --checkpoint=best", *best)
                       : std::string(best.status().message()));
}

}  // namespace

absl::Status SummariseRun(const RunDirectory& run, const conf::RunSpec& spec) {
  std::error_code error;
  if (!std::filesystem::exists(run.MetricsFile(), error)) return absl::OkStatus();
  CARAVAN_ASSIGN_OR_RETURN(const RunRecord record, LoadRunRecord(run.MetricsFile(), spec.schema()));
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(run.ReportFile(), ReportHtml(spec, record)));
  const EvaluationRecord* test = record.LastEvaluation("test");
  if (test != nullptr) fmt::print("\ntest split\n\n{}\n", ScoreText(test->table));
  fmt::print("report      {}\n", run.ReportFile());
  const absl::StatusOr<std::string> checkpoint = net::LatestCheckpoint(run.CheckpointsDirectory());
  if (checkpoint.ok()) {
    PrintBestEpoch(run, spec, *checkpoint);
    fmt::print("checkpoint  {}\n", *checkpoint);
    fmt::print("export      caravan export --run={} --out={}/export\n", run.path(), run.path());
  } else if (absl::IsNotFound(checkpoint.status())) {
    fmt::print("checkpoint  none yet\n");
  } else {
    return checkpoint.status();
  }
  if (!record.ended_well) {
    return absl::AbortedError(fmt::format("the run ended early: {}", record.end_message));
  }
  return absl::OkStatus();
}

}  // namespace caravan::launch
