// The order in which several threads take a batch's samples: those that agree in their attribute
// fields one behind the other. A thread then generates the weights of its own combinations alone,
// where samples as they come would have each thread generate nearly all.
#ifndef CARAVAN_MODEL_SAMPLE_ORDER_H_
#define CARAVAN_MODEL_SAMPLE_ORDER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/gathered_input.h"

namespace caravan::model {

// Owned and called by one thread. Allocates nothing once sizes have been seen.
class SampleOrder {
 public:
  explicit SampleOrder(const Graph& graph);

  // The input in that order. See GatheredInput::Take for how long it lives.
  const GraphInput<float>& Arrange(const GraphInput<float>& input);
  // By place in the order: the sample's place in the input.
  std::span<const uint32_t> samples() const { return samples_; }

 private:
  std::vector<uint32_t> attribute_fields_;
  std::vector<uint32_t> samples_;
  GatheredInput gathered_;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_SAMPLE_ORDER_H_
