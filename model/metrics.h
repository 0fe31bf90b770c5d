// How good predictions are, per task and scenario (M2M eq. 21-22). Sums are gathered wherever
// samples are predicted, merged, and only then turned into figures.
#ifndef CARAVAN_MODEL_METRICS_H_
#define CARAVAN_MODEL_METRICS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/graph.h"
#include "model/ranking.h"

namespace caravan::model {

// Of the samples of one task in one scenario. Mirrored by the wire's CellSums.
struct CellSums {
  uint64_t samples = 0;
  double absolute_error = 0;  // sum of |y_hat - y|
  double label = 0;           // sum of y
  double smape = 0;           // sum of |y_hat - y| / ((y_hat + y) / 2), 0/0 counted as 0
  double loss = 0;            // sum of the task's loss, without lambda
  double deviance = 0;        // sum of 2 (y log(y / y_hat) - y + y_hat); cross-entropy: 2 * loss
  RankingCounts ranking;      // of a cross-entropy task; empty of others

  void Merge(const CellSums& other);
};

// 2 (y log(y / y_hat) - y + y_hat), 0 log 0 being 0.
double PoissonDeviance(double prediction, double label);

// Adds a sample of a task with that loss.
void AddSample(conf::Loss loss, double prediction, double label, CellSums& sums);

// None at all where there are no samples.
struct Figures {
  std::optional<double> nmae;   // none where the labels' sum is 0, nor of a binary task
  std::optional<double> smape;  // none of a binary task
  std::optional<double> auc;    // of a binary task that has both classes
  std::optional<double> loss;   // log loss of a binary task
  std::optional<double> deviance;
};
Figures FiguresOf(const CellSums& sums);

// The plain mean over all cells that have the figure.
struct Overall {
  std::optional<double> nmae;
  std::optional<double> smape;
  uint32_t cells = 0;       // with samples, of tasks that are not binary
  uint32_t nmae_cells = 0;  // fewer where labels sum to 0: those cells are left out of nmae
};

// A table of cells [tasks, scenarios]. A value; not for several threads at once.
class Metrics {
 public:
  Metrics(std::span<const GraphTask> tasks, uint32_t scenarios);

  // predictions, labels: [B, m]; scenarios: [B], each below the number of scenarios.
  void Add(std::span<const float> predictions, std::span<const float> labels,
           std::span<const uint32_t> scenarios);
  // `other`: of the same tasks and scenarios.
  void Merge(const Metrics& other);

  CellSums& cell(uint32_t task, uint32_t scenario) { return cells_[task * scenarios_ + scenario]; }
  const CellSums& cell(uint32_t task, uint32_t scenario) const {
    return cells_[task * scenarios_ + scenario];
  }
  uint32_t tasks() const { return static_cast<uint32_t>(losses_.size()); }
  uint32_t scenarios() const { return scenarios_; }
  Overall ComputeOverall() const;

 private:
  std::vector<conf::Loss> losses_;  // by task
  uint32_t scenarios_;
  std::vector<CellSums> cells_;  // [tasks, scenarios]
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_METRICS_H_
