// All trainings of a comparison, one after another, and what they come to. What is done already in
// the output folder is not done again.
#ifndef CARAVAN_LAUNCH_COMPARE_COMPARER_H_
#define CARAVAN_LAUNCH_COMPARE_COMPARER_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "data/world/world_oracle.h"
#include "launch/compare/comparison.h"
#include "launch/compare/entity_scores.h"
#include "launch/compare/variant_run.h"

namespace caravan::launch {

struct ComparerOptions {
  std::string job_path = {};
  std::vector<std::string> overrides = {};  // of all variants
  std::vector<Variant> variants = {};       // the reference first
  // Of the search: each variant is trained once, with seed 1, at each of these lists of overrides,
  // and goes on with the one of the lowest Overall NMAE on the validation split. Empty: no search.
  std::vector<std::vector<std::string>> search = {};
  uint32_t seeds = 1;
  bool with_yardsticks = true;
  std::string out = {};  // folder: data/, runs/, log/
};

// Owned and called by one thread.
class Comparer {
 public:
  explicit Comparer(ComparerOptions options);

  // Trains what is missing and scores all on the test split; a line to stderr a run. Wrong jobs are
  // found before the first training. CANCELLED after a stop signal.
  absl::StatusOr<Comparison> Run();

 private:
  absl::StatusOr<conf::Job> JobOf(const std::vector<std::string>& overrides) const;
  std::vector<std::string> OverridesOf(const Variant& variant, uint32_t seed) const;
  // The variant at a point of the search.
  static Variant At(const Variant& variant, const std::vector<std::string>& point);
  absl::Status CheckJobs() const;
  // An import for each setting of the data section, shared by all runs that have it.
  absl::StatusOr<std::string> DataOf(const conf::Job& job) const;
  // The variant at the point that does best, and what was tried.
  absl::StatusOr<Variant> Search(const Variant& variant, std::vector<SearchedPoint>& tried);
  absl::StatusOr<EntityScores> ScoreOf(const Variant& variant, uint32_t seed,
                                       const std::string& split);
  // What needs no training, and where the tables are of a synthetic world its oracles.
  absl::Status AddYardsticks(const conf::Job& job, const conf::Schema& schema,
                             const std::string& data, std::vector<ScoredModel>& scored);

  const ComparerOptions options_;
  const std::atomic<int>* stop_signals_ = nullptr;
  EntityNumbers entities_;                   // of the test split
  std::optional<data::WorldOracle> oracle_;  // where the tables are of a synthetic world
  size_t begun_ = 0;
  size_t trainings_ = 0;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMPARE_COMPARER_H_
