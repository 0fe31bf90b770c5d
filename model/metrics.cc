#include "model/metrics.h"

#include <algorithm>
#include <cmath>

#include "glog/logging.h"

namespace caravan::model {
namespace {

// A prediction is a float: below it its logarithm is taken of this.
constexpr double kLeastRate = 1e-38;
constexpr double kLeastShare = 1e-7;

void AddPoisson(double prediction, double label, CellSums& sums) {
  const double log_rate = std::log(std::max(prediction, kLeastRate));
  sums.loss += prediction - label * log_rate;
  sums.deviance += PoissonDeviance(prediction, label);
}

void AddCrossEntropy(double prediction, double label, CellSums& sums) {
  const double share = std::clamp(prediction, kLeastShare, 1 - kLeastShare);
  const double loss = -label * std::log(share) - (1 - label) * std::log1p(-share);
  sums.loss += loss;
  sums.deviance += 2 * loss;
  sums.ranking.Add(share, label > 0.5);
}

}  // namespace

double PoissonDeviance(double prediction, double label) {
  const double log_rate = std::log(std::max(prediction, kLeastRate));
  const double log_label = label > 0 ? std::log(label) : 0;
  return 2 * (label * (log_label - log_rate) - label + prediction);
}

void CellSums::Merge(const CellSums& other) {
  samples += other.samples;
  absolute_error += other.absolute_error;
  label += other.label;
  smape += other.smape;
  loss += other.loss;
  deviance += other.deviance;
  ranking.Merge(other.ranking);
}

void AddSample(conf::Loss loss, double prediction, double label, CellSums& sums) {
  const double error = std::abs(prediction - label);
  ++sums.samples;
  sums.absolute_error += error;
  sums.label += label;
  if (prediction + label > 0) sums.smape += error / ((prediction + label) / 2);
  if (loss == conf::CROSS_ENTROPY) {
    AddCrossEntropy(prediction, label, sums);
  } else {
    AddPoisson(prediction, label, sums);
  }
}

Figures FiguresOf(const CellSums& sums) {
  Figures figures;
  if (sums.samples == 0) return figures;
  const auto samples = static_cast<double>(sums.samples);
  if (sums.ranking.positives.empty()) {
    if (sums.label > 0) figures.nmae = sums.absolute_error / sums.label;
    figures.smape = sums.smape / samples;
  }
  figures.auc = sums.ranking.Auc();
  figures.loss = sums.loss / samples;
  figures.deviance = sums.deviance / samples;
  return figures;
}

Metrics::Metrics(std::span<const GraphTask> tasks, uint32_t scenarios)
    : scenarios_(scenarios), cells_(tasks.size() * scenarios) {
  for (const GraphTask& task : tasks) losses_.push_back(task.loss);
}

void Metrics::Add(std::span<const float> predictions, std::span<const float> labels,
                  std::span<const uint32_t> scenarios) {
  CHECK_EQ(predictions.size(), scenarios.size() * losses_.size());
  CHECK_EQ(labels.size(), predictions.size());
  for (size_t b = 0; b < scenarios.size(); ++b) {
    CHECK_LT(scenarios[b], scenarios_);
    for (uint32_t t = 0; t < tasks(); ++t) {
      const size_t at = b * losses_.size() + t;
      AddSample(losses_[t], predictions[at], labels[at], cell(t, scenarios[b]));
    }
  }
}

void Metrics::Merge(const Metrics& other) {
  CHECK_EQ(other.cells_.size(), cells_.size());
  CHECK_EQ(other.scenarios_, scenarios_);
  for (size_t i = 0; i < cells_.size(); ++i) cells_[i].Merge(other.cells_[i]);
}

Overall Metrics::ComputeOverall() const {
  Overall overall;
  double nmae = 0;
  double smape = 0;
  for (const CellSums& sums : cells_) {
    const Figures figures = FiguresOf(sums);
    if (!figures.smape) continue;
    ++overall.cells;
    smape += *figures.smape;
    if (!figures.nmae) continue;
    ++overall.nmae_cells;
    nmae += *figures.nmae;
  }
  if (overall.cells > 0) overall.smape = smape / overall.cells;
  if (overall.nmae_cells > 0) overall.nmae = nmae / overall.nmae_cells;
  return overall;
}

}  // namespace caravan::model
