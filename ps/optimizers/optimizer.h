// An optimizer: a pure function of (parameters, slots, gradient, step). One for rows, one for dense
// chunks; each row and chunk has its own slots and its own step count.
#ifndef CARAVAN_PS_OPTIMIZERS_OPTIMIZER_H_
#define CARAVAN_PS_OPTIMIZERS_OPTIMIZER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "conf/job.pb.h"

namespace caravan::ps {

// Owned and called by one thread.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Floats kept beside each parameter; slots of n parameters are slots_per_weight() * n floats,
  // kind after kind.
  virtual uint32_t slots_per_weight() const = 0;

  // The slots of parameters that have their first values. weights: [n], slots: [slots * n].
  virtual void InitialSlots(std::span<const float> weights, std::span<float> slots) const = 0;

  // One update. `step` counts the updates of these parameters from 1, this one included;
  // `rate_scale` multiplies the learning rate. gradient, weights: [n], slots: [slots * n], no
  // overlap. Cannot fail; the same input gives the same bits.
  virtual void Update(std::span<const float> gradient, float rate_scale, uint32_t step,
                      std::span<float> weights, std::span<float> slots) const = 0;
};

// By the kind that `config` sets, Adam where it sets none.
std::unique_ptr<Optimizer> MakeOptimizer(const conf::Optimizer& config);

// Those of a run; with training.weight_averaging their last slot of each parameter is its average.
std::unique_ptr<Optimizer> MakeRowOptimizer(const conf::Training& training);
std::unique_ptr<Optimizer> MakeDenseOptimizer(const conf::Training& training);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_OPTIMIZERS_OPTIMIZER_H_
