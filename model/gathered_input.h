// Some samples of a batch, in an order of one's own, as an input.
#ifndef CARAVAN_MODEL_GATHERED_INPUT_H_
#define CARAVAN_MODEL_GATHERED_INPUT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/frame.h"
#include "model/graph.h"

namespace caravan::model {

// Owned and called by one thread. Allocates nothing once sizes have been seen.
class GatheredInput {
 public:
  explicit GatheredInput(const Graph& graph) : graph_(graph), row_indices_(graph.fields().size()) {}

  // `samples` of `input`, by place. What is of samples lives until the next call; parameters, rows
  // and the seed are those of `input`.
  GraphInput<float>& Take(const GraphInput<float>& input, std::span<const uint32_t> samples);

 private:
  const Graph& graph_;
  std::vector<std::vector<uint32_t>> row_indices_;  // by field
  std::vector<float> dense_features_;
  std::vector<float> labels_;
  std::vector<uint32_t> scenarios_;
  std::vector<uint32_t> sample_numbers_;
  GraphInput<float> taken_;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_GATHERED_INPUT_H_
