// What a batch's samples weigh in tasks that are weighted by their dispersion
// (conf::INVERSE_DISPERSION). The batch falls into groups of samples, each with a dispersion D of
// its own, the mean Poisson deviance of its samples. A task's loss is the mean over samples of
// log(D) / 2, its gradient that of the plain loss with each sample's over the D of its group: the
// extended quasi-likelihood of Nelder and Pregibon (Biometrika 1987) at the best dispersions.
#ifndef CARAVAN_MODEL_DISPERSIONS_H_
#define CARAVAN_MODEL_DISPERSIONS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/graph.h"

namespace caravan::model {

// Owned and called by one thread at a time. Allocates nothing after its constructor.
class Dispersions {
 public:
  Dispersions(std::span<const GraphTask> tasks, uint32_t batch_max);

  // Whether any task is weighted so; else nothing below is to be called.
  bool needed() const { return !tasks_.empty(); }

  // rates, labels: [B, m], B > 0. Neighbours in them form a group. order: by place the sample that
  // factors() has there; empty: they stay as they are.
  void Find(std::span<const float> rates, std::span<const float> labels,
            std::span<const uint32_t> order);

  // Of the last Find: what multiplies lambda, [B, m].
  std::span<const float> factors() const { return factors_; }
  // The loss of a task that is weighted so.
  double loss(size_t task) const { return losses_[task]; }

 private:
  size_t Groups(size_t batch) const;

  std::vector<bool> tasks_;          // whether it is weighted so; empty: none is
  size_t group_samples_ = 0;         // 0: the whole batch is one group
  std::vector<double> dispersions_;  // [groups, m]
  std::vector<uint32_t> counts_;     // by group: its samples
  std::vector<float> factors_;
  std::vector<double> losses_;  // by task
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_DISPERSIONS_H_
