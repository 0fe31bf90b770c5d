// One training among several of a comparison: a run directory of its own, trained by a `caravan
// train` of its own, gone on with where it was begun, left alone where it is done.
#ifndef CARAVAN_LAUNCH_COMPARE_VARIANT_RUN_H_
#define CARAVAN_LAUNCH_COMPARE_VARIANT_RUN_H_

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "launch/compare/entity_scores.h"
#include "launch/run_directory.h"

namespace caravan::launch {

// What sets one model of a comparison apart from the others.
struct Variant {
  std::string name;
  std::vector<std::string> overrides;  // of the job, as --set takes them
};

struct VariantRun {
  std::string job_path;
  std::string data_directory;          // imported, with the variant's own data settings
  std::vector<std::string> overrides;  // all, seed and sizes among them
  RunDirectory run;
  std::string log_path;
  const std::atomic<int>* stop_signals = nullptr;
};

// True where the run lies there, trained to its end with this very job and scored on `split`.
// INVALID_ARGUMENT where another job's run lies there.
absl::StatusOr<bool> IsDone(const VariantRun& variant);

// Trains, or goes on with it. CANCELLED after a stop signal; else what train ended with and the
// last line of its log.
absl::Status TrainVariant(const VariantRun& variant);

// Predicts `split` from the run's last checkpoint.
absl::StatusOr<EntityScores> ScoreVariant(const VariantRun& variant, const std::string& split,
                                          EntityNumbers& entities);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMPARE_VARIANT_RUN_H_
