#include "launch/compare/entity_scores.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace caravan::launch {
namespace {

double MeanNmae(std::span<const EntityScores> seeds, std::span<const uint32_t> weights) {
  double sum = 0;
  for (const EntityScores& scores : seeds) sum += scores.Overall(weights).nmae;
  return sum / static_cast<double>(seeds.size());
}

}  // namespace

uint32_t EntityNumbers::NumberOf(std::string_view name) {
  return numbers_.try_emplace(std::string(name), count()).first->second;
}

std::vector<uint32_t> CountTasks(const conf::Job& job, const conf::Schema& schema) {
  std::vector<uint32_t> tasks;
  for (int t = 0; t < schema.tasks_size(); ++t) {
    const bool binary = std::ranges::any_of(job.data().tasks(), [&](const conf::Task& task) {
      return task.name() == schema.tasks(t).name() && task.loss() == conf::CROSS_ENTROPY;
    });
    if (!binary) tasks.push_back(static_cast<uint32_t>(t));
  }
  return tasks;
}

void EntityScores::Add(uint32_t entity, uint32_t task, uint32_t scenario, double prediction,
                       double label) {
  const size_t needed = (size_t{entity} + 1) * cells_;
  if (sums_.size() < needed) sums_.resize(needed);
  Sums& sums = sums_[entity * cells_ + size_t{task} * scenarios_ + scenario];
  const double error = std::abs(prediction - label);
  sums.absolute_error += error;
  sums.label += label;
  sums.smape += error == 0 ? 0 : error / ((prediction + label) / 2);
  sums.samples += 1;
}

void EntityScores::AddBinary(uint32_t task, uint32_t scenario, double probability, double label) {
  binary_.resize(cells_);
  model::AddSample(conf::CROSS_ENTROPY, probability, label,
                   binary_[size_t{task} * scenarios_ + scenario]);
}

std::vector<model::CellSums> EntityScores::Cells() const {
  std::vector<model::CellSums> cells = binary_;
  cells.resize(cells_);
  for (size_t i = 0; i < sums_.size(); ++i) {
    model::CellSums& cell = cells[i % cells_];
    cell.samples += static_cast<uint64_t>(sums_[i].samples);
    cell.absolute_error += sums_[i].absolute_error;
    cell.label += sums_[i].label;
    cell.smape += sums_[i].smape;
  }
  return cells;
}

OverallScores EntityScores::Overall(std::span<const uint32_t> weights) const {
  std::vector<Sums> cells(cells_);
  const size_t entities = std::min<size_t>(weights.size(), this->entities());
  for (size_t e = 0; e < entities; ++e) {
    if (weights[e] == 0) continue;
    const Sums* from = &sums_[e * cells_];
    for (size_t c = 0; c < cells_; ++c) {
      cells[c].absolute_error += weights[e] * from[c].absolute_error;
      cells[c].label += weights[e] * from[c].label;
      cells[c].smape += weights[e] * from[c].smape;
      cells[c].samples += weights[e] * from[c].samples;
    }
  }
  OverallScores overall;
  double nmae_cells = 0;
  double smape_cells = 0;
  for (const Sums& cell : cells) {
    if (cell.label > 0) {
      overall.nmae += cell.absolute_error / cell.label;
      ++nmae_cells;
    }
    if (cell.samples > 0) {
      overall.smape += cell.smape / cell.samples;
      ++smape_cells;
    }
  }
  if (nmae_cells > 0) overall.nmae /= nmae_cells;
  if (smape_cells > 0) overall.smape /= smape_cells;
  return overall;
}

OverallScores EntityScores::Overall() const {
  return Overall(std::vector<uint32_t>(entities(), 1));
}

PairedDifference CompareNmae(std::span<const EntityScores> one, std::span<const EntityScores> other,
                             uint32_t entities, uint32_t draws, uint64_t seed) {
  RandomStream stream(seed);
  std::vector<double> differences(draws);
  std::vector<uint32_t> weights(entities);
  for (double& difference : differences) {
    std::ranges::fill(weights, 0U);
    for (uint32_t i = 0; i < entities; ++i) ++weights[stream.NextBelow(entities)];
    difference = MeanNmae(one, weights) - MeanNmae(other, weights);
  }
  std::ranges::sort(differences);
  const auto below = static_cast<double>(
      std::ranges::count_if(differences, [](double difference) { return difference < 0; }));
  const std::vector<uint32_t> all(entities, 1);
  const double share = below / draws;
  return {.mean = MeanNmae(one, all) - MeanNmae(other, all),
          .low = differences[static_cast<size_t>(0.025 * draws)],
          .high = differences[static_cast<size_t>(0.975 * draws)],
          // One more draw on either side: a bootstrap of n draws cannot show less than 1 in n.
          .chance = std::min(1.0, 2 * std::max(std::min(share, 1 - share), 1.0 / draws))};
}

}  // namespace caravan::launch
