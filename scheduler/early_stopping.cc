#include "scheduler/early_stopping.h"

#include <cmath>
#include <limits>

#include "fmt/format.h"

namespace caravan::scheduler {
namespace {

bool IsBinary(const conf::Job& job, uint32_t task) {
  const auto& tasks = job.data().tasks();
  return task < static_cast<uint32_t>(tasks.size()) &&
         tasks[static_cast<int>(task)].loss() == conf::CROSS_ENTROPY;
}

}  // namespace

double ValidationScore(const conf::Job& job, const Evaluation& evaluation) {
  double sum = 0;
  int cells = 0;
  for (const net::CellSums& cell : evaluation.cells) {
    const bool is_binary = IsBinary(job, cell.task());
    if (cell.samples() == 0 || (!is_binary && !(cell.label() > 0))) continue;
    sum += is_binary ? cell.loss() / static_cast<double>(cell.samples())
                     : cell.absolute_error() / cell.label();
    ++cells;
  }
  return cells == 0 ? std::numeric_limits<double>::infinity() : sum / cells;
}

void EarlyStopping::Add(uint32_t epoch, double score) {
  if (state_.has_last_epoch() && epoch <= state_.last_epoch()) return;
  state_.set_last_epoch(epoch);
  if (std::isfinite(score) && (!state_.has_best_score() || score < state_.best_score())) {
    state_.set_best_score(score);
    state_.set_best_epoch(epoch);
    state_.set_evaluations_since_best(0);
    return;
  }
  state_.set_evaluations_since_best(state_.evaluations_since_best() + 1);
}

std::string EarlyStopping::Reason() const {
  if (!state_.has_best_epoch()) return "no score of the validation split was a number";
  return fmt::format("the validation split's score was lowest after epoch {} ({:.4f})",
                     state_.best_epoch() + 1, state_.best_score());
}

}  // namespace caravan::scheduler
