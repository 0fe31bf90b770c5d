// Models beside each other on one split: what `caravan compare` found, as plain data.
#ifndef CARAVAN_LAUNCH_COMPARE_COMPARISON_H_
#define CARAVAN_LAUNCH_COMPARE_COMPARISON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/schema.pb.h"
#include "launch/compare/entity_scores.h"

namespace caravan::launch {

// Over seeds: the mean and the sample deviation (0 of one seed).
struct Spread {
  double mean = 0;
  double deviation = 0;
};

struct ComparedCell {
  std::string task = {};
  std::string scenario = {};  // id
  uint64_t samples = 0;
  std::optional<Spread> nmae;  // none where the labels' sum is 0
  std::optional<Spread> smape;
  std::optional<Spread> auc;  // this and log_loss of binary tasks, which have neither of the others
  std::optional<Spread> log_loss;
};

struct ComparedModel {
  std::string name = {};
  bool trained = true;  // false: a yardstick, or an oracle
  bool oracle = false;  // knows the true rates: shows what is left to gain, no yardstick
  uint32_t seeds = 0;
  Spread nmae;
  Spread smape;
  std::vector<ComparedCell> cells = {};  // [tasks, scenarios]
  // Scored on as many samples of each cell as the reference. A sweep of a field that decides which
  // samples there are (data.history_days with min_active_days) has others: such figures stand
  // alone.
  bool same_samples = true;
  // Against the reference; none for the reference itself, nor for one with other samples.
  std::optional<PairedDifference> difference = {};
  bool beats_yardsticks = true;  // a trained one's NMAE is below every yardstick's
};

// One training of a search: the validation split decides, the test split is not looked at.
struct SearchedPoint {
  std::string model = {};
  std::string point = {};  // "learning_rate=1e-3,view_width=64"
  double nmae = 0;         // Overall, validation split
  double smape = 0;
  bool chosen = false;
};

struct Comparison {
  std::string job = {};
  std::string split = {};
  std::vector<std::string> tasks = {};
  std::vector<std::string> scenarios = {};
  std::vector<std::string> scenario_names = {};
  std::string reference = {};  // what the others are tested against: the first model trained
  uint32_t entities = 0;
  uint32_t draws = 0;
  std::vector<ComparedModel> models = {};  // as given
  std::vector<SearchedPoint> search = {};  // by model; empty: nothing was searched

  // The trained model, other than the reference, with the lowest NMAE on the same samples; null
  // where there is none.
  const ComparedModel* BestBaseline() const;
  // Of the trained models with the reference's samples, the lowest of a figure; set in bold.
  double BestNmae() const;
  double BestSmape() const;
  // Whether any model has the figure in any cell of the task.
  bool HasFigure(size_t task, std::optional<Spread> ComparedCell::*figure) const;
};

// Names of the oracles of a synthetic world (data/world/world_oracle.h).
inline constexpr const char* kOracleMedian = "oracle";
inline constexpr const char* kOracleMean = "oracle, true rate";

struct ScoredModel {
  std::string name = {};
  bool trained = true;
  bool oracle = false;
  std::vector<EntityScores> seeds = {};
};

// `scored`: at least one trained model. Cells, means, spreads and the paired bootstrap.
Comparison Compare(const conf::Schema& schema, const std::string& job, const std::string& split,
                   const std::vector<ScoredModel>& scored, uint32_t entities);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMPARE_COMPARISON_H_
