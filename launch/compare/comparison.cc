#include "launch/compare/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace caravan::launch {
namespace {

constexpr uint32_t kDraws = 1000;
constexpr uint64_t kDrawSeed = 1;

Spread SpreadOf(const std::vector<double>& values) {
  Spread spread;
  for (const double value : values) spread.mean += value / static_cast<double>(values.size());
  if (values.size() < 2) return spread;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return spread;
}

std::optional<Spread> SpreadOfSome(const std::vector<double>& values) {
  return values.empty() ? std::nullopt : std::optional<Spread>(SpreadOf(values));
}

std::vector<ComparedCell> CellsOf(const Comparison& comparison, const ScoredModel& model) {
  std::vector<std::vector<model::CellSums>> seeds;
  seeds.reserve(model.seeds.size());
  for (const EntityScores& scores : model.seeds) seeds.push_back(scores.Cells());
  std::vector<ComparedCell> cells;
  const size_t scenarios = comparison.scenarios.size();
  for (size_t i = 0; i < comparison.tasks.size() * scenarios; ++i) {
    std::vector<double> nmae;
    std::vector<double> smape;
    std::vector<double> auc;
    std::vector<double> log_loss;
    for (const auto& sums : seeds) {
      const model::Figures figures = model::FiguresOf(sums[i]);
      if (figures.nmae.has_value()) nmae.push_back(*figures.nmae);
      if (figures.smape.has_value()) smape.push_back(*figures.smape);
      if (sums[i].ranking.positives.empty()) continue;
      if (figures.auc.has_value()) auc.push_back(*figures.auc);
      if (figures.loss.has_value()) log_loss.push_back(*figures.loss);
    }
    cells.push_back({.task = comparison.tasks[i / scenarios],
                     .scenario = comparison.scenarios[i % scenarios],
                     .samples = seeds[0][i].samples,
                     .nmae = SpreadOfSome(nmae),
                     .smape = SpreadOfSome(smape),
                     .auc = SpreadOfSome(auc),
                     .log_loss = SpreadOfSome(log_loss)});
  }
  return cells;
}

bool HaveSameSamples(const std::vector<ComparedCell>& one, const std::vector<ComparedCell>& other) {
  return std::ranges::equal(one, other, {}, &ComparedCell::samples, &ComparedCell::samples);
}

void MarkThoseBehindYardsticks(Comparison& comparison) {
  double best = std::numeric_limits<double>::infinity();
  for (const ComparedModel& model : comparison.models) {
    if (!model.trained && !model.oracle) best = std::min(best, model.nmae.mean);
  }
  for (ComparedModel& model : comparison.models) {
    model.beats_yardsticks = !model.trained || model.nmae.mean < best;
  }
}

}  // namespace

const ComparedModel* Comparison::BestBaseline() const {
  const ComparedModel* best = nullptr;
  for (const ComparedModel& model : models) {
    if (!model.trained || !model.same_samples || model.name == reference) continue;
    if (best == nullptr || model.nmae.mean < best->nmae.mean) best = &model;
  }
  return best;
}

double Comparison::BestNmae() const {
  double best = std::numeric_limits<double>::infinity();
  for (const ComparedModel& model : models) {
    if (model.trained && model.same_samples) best = std::min(best, model.nmae.mean);
  }
  return best;
}

double Comparison::BestSmape() const {
  double best = std::numeric_limits<double>::infinity();
  for (const ComparedModel& model : models) {
    if (model.trained && model.same_samples) best = std::min(best, model.smape.mean);
  }
  return best;
}

bool Comparison::HasFigure(size_t task, std::optional<Spread> ComparedCell::*figure) const {
  for (const ComparedModel& model : models) {
    for (size_t s = 0; s < scenarios.size(); ++s) {
      if ((model.cells[task * scenarios.size() + s].*figure).has_value()) return true;
    }
  }
  return false;
}

Comparison Compare(const conf::Schema& schema, const std::string& job, const std::string& split,
                   const std::vector<ScoredModel>& scored, uint32_t entities) {
  Comparison comparison{.job = job, .split = split, .entities = entities, .draws = kDraws};
  for (const conf::TaskSchema& task : schema.tasks()) comparison.tasks.push_back(task.name());
  comparison.scenarios.assign(schema.scenarios().begin(), schema.scenarios().end());
  comparison.scenario_names.assign(schema.scenario_names().begin(), schema.scenario_names().end());
  if (comparison.scenario_names.size() != comparison.scenarios.size()) {
    comparison.scenario_names = comparison.scenarios;
  }
  const auto reference = std::ranges::find_if(scored, &ScoredModel::trained);
  comparison.reference = reference->name;
  const std::vector<ComparedCell> reference_cells = CellsOf(comparison, *reference);
  for (const ScoredModel& model : scored) {
    std::vector<double> nmae;
    std::vector<double> smape;
    for (const EntityScores& scores : model.seeds) {
      const OverallScores overall = scores.Overall();
      nmae.push_back(overall.nmae);
      smape.push_back(overall.smape);
    }
    ComparedModel compared{.name = model.name,
                           .trained = model.trained,
                           .oracle = model.oracle,
                           .seeds = static_cast<uint32_t>(model.seeds.size()),
                           .nmae = SpreadOf(nmae),
                           .smape = SpreadOf(smape),
                           .cells = CellsOf(comparison, model)};
    const bool is_reference = &model == &*reference;
    compared.same_samples = HaveSameSamples(compared.cells, reference_cells);
    if (!is_reference && compared.same_samples) {
      compared.difference = CompareNmae(model.seeds, reference->seeds, entities, kDraws, kDrawSeed);
    }
    comparison.models.push_back(std::move(compared));
  }
  MarkThoseBehindYardsticks(comparison);
  return comparison;
}

}  // namespace caravan::launch
