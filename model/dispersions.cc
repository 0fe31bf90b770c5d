#include "model/dispersions.h"

#include <algorithm>
#include <cmath>

#include "model/metrics.h"

namespace caravan::model {
namespace {

// Of a group that is predicted all but exactly: its gradient is as small.
constexpr double kLeastDispersion = 1e-6;

}  // namespace

Dispersions::Dispersions(std::span<const GraphTask> tasks, uint32_t batch_max) {
  if (std::ranges::none_of(tasks, &GraphTask::by_dispersion)) return;
  for (const GraphTask& task : tasks) {
    tasks_.push_back(task.by_dispersion);
    group_samples_ = std::max<size_t>(group_samples_, task.dispersion_samples);
  }
  const size_t groups = Groups(batch_max);
  dispersions_.reserve(groups * tasks_.size());
  counts_.reserve(groups);
  factors_.reserve(batch_max * tasks_.size());
  losses_.resize(tasks_.size());
}

size_t Dispersions::Groups(size_t batch) const {
  return group_samples_ == 0 ? 1 : (batch + group_samples_ - 1) / group_samples_;
}

void Dispersions::Find(std::span<const float> rates, std::span<const float> labels,
                       std::span<const uint32_t> order) {
  const size_t tasks = tasks_.size();
  const size_t batch = rates.size() / tasks;
  const size_t groups = Groups(batch);
  dispersions_.assign(groups * tasks, 0);
  counts_.assign(groups, 0);
  for (size_t sample = 0; sample < batch; ++sample) {
    const size_t group = sample * groups / batch;
    ++counts_[group];
    for (size_t task = 0; task < tasks; ++task) {
      const size_t i = sample * tasks + task;
      if (tasks_[task]) dispersions_[group * tasks + task] += PoissonDeviance(rates[i], labels[i]);
    }
  }
  std::ranges::fill(losses_, 0.0);
  for (size_t group = 0; group < groups; ++group) {
    for (size_t task = 0; task < tasks; ++task) {
      double& dispersion = dispersions_[group * tasks + task];
      dispersion = std::max(dispersion / counts_[group], kLeastDispersion);
      losses_[task] += counts_[group] * std::log(dispersion) / 2 / static_cast<double>(batch);
    }
  }
  factors_.resize(rates.size());
  for (size_t place = 0; place < batch; ++place) {
    const size_t sample = order.empty() ? place : order[place];
    const double* of_group = dispersions_.data() + sample * groups / batch * tasks;
    for (size_t task = 0; task < tasks; ++task) {
      factors_[place * tasks + task] = tasks_[task] ? static_cast<float>(1 / of_group[task]) : 1.0F;
    }
  }
}

}  // namespace caravan::model
