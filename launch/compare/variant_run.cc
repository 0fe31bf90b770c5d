#include "launch/compare/variant_run.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "conf/job_loader.h"
#include "launch/checkpoint/checkpoint_source.h"
#include "launch/child_process.h"
#include "launch/report/run_record.h"
#include "worker/local_evaluation.h"

namespace caravan::launch {
namespace {

constexpr Millis kLookEvery{100};

}  // namespace

absl::StatusOr<bool> IsDone(const VariantRun& variant) {
  if (!variant.run.HoldsRun()) return false;
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec spec, LoadRunSpec(variant.run));
  CARAVAN_ASSIGN_OR_RETURN(const conf::Job job, conf::LoadJob(variant.job_path, variant.overrides));
  if (conf::JobFingerprint(job) != conf::JobFingerprint(spec.job())) {
    return absl::InvalidArgumentError(fmt::format(
        "{} holds a run of another job; give another --out, or move it away", variant.run.path()));
  }
  std::error_code error;
  if (!std::filesystem::exists(variant.run.MetricsFile(), error)) return false;
  CARAVAN_ASSIGN_OR_RETURN(const RunRecord record,
                           LoadRunRecord(variant.run.MetricsFile(), spec.schema()));
  return record.ended_well && record.LastEvaluation("test") != nullptr;
}

absl::Status TrainVariant(const VariantRun& variant) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string executable, OwnExecutable());
  std::vector<std::string> arguments = {executable, "train", "--run=" + variant.run.path()};
  if (variant.run.HoldsRun()) {
    arguments.emplace_back("--resume");
  } else {
    arguments.push_back("--job=" + variant.job_path);
    arguments.push_back("--data=" + variant.data_directory);
    for (const std::string& value : variant.overrides) arguments.push_back("--set=" + value);
  }
  CARAVAN_ASSIGN_OR_RETURN(ChildProcess train, ChildProcess::Start(arguments, variant.log_path));
  std::optional<ExitOfProcess> ended;
  for (int told = 0; !(ended = train.Poll()).has_value();) {
    // Each signal is handed on: the first stops after a checkpoint, the second at once.
    for (; told < variant.stop_signals->load(); ++told) train.Terminate();
    std::this_thread::sleep_for(kLookEvery);
  }
  if (variant.stop_signals->load() > 0) {
    return absl::CancelledError(
        "stopped; the same command goes on where this one was: what is done is not done again");
  }
  if (ended->ok()) return absl::OkStatus();
  return absl::AbortedError(fmt::format("{}: train ended with {}: {}; see {}", variant.run.path(),
                                        ended->Text(), LastLine(variant.log_path),
                                        variant.log_path));
}

absl::StatusOr<EntityScores> ScoreVariant(const VariantRun& variant, const std::string& split,
                                          EntityNumbers& entities) {
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec spec, LoadRunSpec(variant.run));
  const std::string which = spec.job().training().has_early_stopping() ? "best" : "latest";
  CARAVAN_ASSIGN_OR_RETURN(const uint64_t number, CheckpointNumber(variant.run, which));
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<ps::CheckpointReader> reader,
                           OpenCheckpoint(variant.run, spec, number));
  CheckpointSource source(std::move(reader));
  const auto tasks = static_cast<uint32_t>(spec.schema().tasks_size());
  EntityScores scores(tasks, static_cast<uint32_t>(spec.schema().scenarios_size()));
  std::vector<bool> counted(tasks);
  for (const uint32_t t : CountTasks(spec.job(), spec.schema())) counted[t] = true;
  CARAVAN_RETURN_IF_ERROR(worker::PredictSplit(
      {.run = &spec, .data_directory = spec.data_directory(), .split = split}, source,
      [&](const data::Batch& batch, const data::SampleReader& samples,
          std::span<const float> predictions) {
        for (uint32_t b = 0; b < batch.size; ++b) {
          const uint32_t entity = entities.NumberOf(samples.EntityName(batch.entities[b]));
          for (uint32_t t = 0; t < tasks; ++t) {
            const size_t at = size_t{b} * tasks + t;
            if (counted[t]) {
              scores.Add(entity, t, batch.scenarios[b], predictions[at], batch.labels[at]);
            } else {
              scores.AddBinary(t, batch.scenarios[b], predictions[at], batch.labels[at]);
            }
          }
        }
        return absl::OkStatus();
      }));
  return scores;
}

}  // namespace caravan::launch
