#include "model/sample_order.h"

#include <algorithm>
#include <numeric>

namespace caravan::model {

SampleOrder::SampleOrder(const Graph& graph) : gathered_(graph) {
  for (uint32_t field = 0; field < graph.fields().size(); ++field) {
    if (!graph.fields()[field].sequence) attribute_fields_.push_back(field);
  }
}

const GraphInput<float>& SampleOrder::Arrange(const GraphInput<float>& input) {
  samples_.resize(input.batch);
  std::iota(samples_.begin(), samples_.end(), 0U);
  // The order of combinations does not matter, but that it is always the same.
  std::ranges::sort(samples_, [&](uint32_t a, uint32_t b) {
    for (const uint32_t field : attribute_fields_) {
      const std::span<const uint32_t> rows = input.row_indices[field];
      if (rows[a] != rows[b]) return rows[a] < rows[b];
    }
    return a < b;
  });
  return gathered_.Take(input, samples_);
}

}  // namespace caravan::model
