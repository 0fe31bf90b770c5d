#include "model/reptile.h"

#include <algorithm>

#include <glog/logging.h>

namespace caravan::model {
namespace {

// to += factor * from
void AddScaled(std::span<const float> from, float factor, std::span<float> to) {
  CHECK_EQ(from.size(), to.size());
  for (size_t i = 0; i < from.size(); ++i) to[i] += factor * from[i];
}

}  // namespace

Reptile::Reptile(const Options& options, const Graph& graph, Executor& executor)
    : options_(options), graph_(graph), executor_(executor), gathered_(graph) {
  CHECK_GE(options.steps, 1U);
  CHECK_GT(options.rate, 0.0F);
}

void Reptile::Begin(const ExecutorInput& input) {
  dense_.assign(input.dense_parameters.begin(), input.dense_parameters.end());
  dense_gradient_.resize(dense_.size());
  rows_.resize(input.rows.size());
  row_gradients_.resize(input.rows.size());
  for (size_t table = 0; table < rows_.size(); ++table) {
    rows_[table].assign(input.rows[table].begin(), input.rows[table].end());
    row_gradients_[table].resize(rows_[table].size());
  }
}

// One step on these samples; `share` of its gradient goes to the outer one.
ExecutorOutput Reptile::Step(ExecutorInput& input, float share, std::span<float> dense_gradient,
                             std::span<const std::span<float>> row_gradients) {
  input.dense_parameters = dense_;
  input.rows.assign(rows_.begin(), rows_.end());
  const std::vector<std::span<float>> row_spans(row_gradients_.begin(), row_gradients_.end());
  ExecutorOutput output = executor_.ForwardBackward(input, dense_gradient_, row_spans);
  AddScaled(dense_gradient_, share, dense_gradient);
  AddScaled(dense_gradient_, -options_.rate, dense_);
  for (size_t table = 0; table < rows_.size(); ++table) {
    AddScaled(row_gradients_[table], share, row_gradients[table]);
    AddScaled(row_gradients_[table], -options_.rate, rows_[table]);
  }
  return output;
}

ExecutorOutput Reptile::ForwardBackward(const ExecutorInput& input,
                                        std::span<const uint32_t> scenarios,
                                        std::span<float> dense_gradient,
                                        std::span<const std::span<float>> row_gradients) {
  CHECK_EQ(scenarios.size(), input.batch);
  samples_.resize(*std::max_element(scenarios.begin(), scenarios.end()) + size_t{1});
  for (std::vector<uint32_t>& samples : samples_) samples.clear();
  for (uint32_t i = 0; i < input.batch; ++i) samples_[scenarios[i]].push_back(i);

  std::ranges::fill(dense_gradient, 0.0F);
  for (const std::span<float> gradient : row_gradients) std::ranges::fill(gradient, 0.0F);
  ExecutorOutput mean;
  mean.task_losses.resize(graph_.tasks().size());
  for (const std::vector<uint32_t>& samples : samples_) {
    if (samples.empty()) continue;
    Begin(input);
    const size_t steps = std::min<size_t>(options_.steps, samples.size());
    const double share = static_cast<double>(samples.size()) /
                         (static_cast<double>(input.batch) * static_cast<double>(steps));
    for (size_t step = 0; step < steps; ++step) {
      const size_t first = step * samples.size() / steps;
      const size_t end = (step + 1) * samples.size() / steps;
      const auto of_step = std::span<const uint32_t>(samples).subspan(first, end - first);
      const ExecutorOutput output = Step(gathered_.Take(input, of_step), static_cast<float>(share),
                                         dense_gradient, row_gradients);
      mean.loss += share * output.loss;
      for (size_t task = 0; task < mean.task_losses.size(); ++task) {
        mean.task_losses[task] += share * output.task_losses[task];
      }
    }
  }
  return mean;
}

}  // namespace caravan::model
