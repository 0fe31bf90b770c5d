#include "model/gathered_input.h"

namespace caravan::model {
namespace {

// Rows of `width` values of the samples, one behind the other; nothing of nothing.
template <typename T>
std::span<const T> Gather(std::span<const T> values, size_t width,
                          std::span<const uint32_t> samples, std::vector<T>& gathered) {
  gathered.clear();
  if (values.empty()) return gathered;
  for (const uint32_t sample : samples) {
    const std::span<const T> row = values.subspan(sample * width, width);
    gathered.insert(gathered.end(), row.begin(), row.end());
  }
  return gathered;
}

}  // namespace

GraphInput<float>& GatheredInput::Take(const GraphInput<float>& input,
                                       std::span<const uint32_t> samples) {
  taken_ = input;
  taken_.batch = static_cast<uint32_t>(samples.size());
  for (size_t field = 0; field < row_indices_.size(); ++field) {
    const size_t width = graph_.fields()[field].sequence ? graph_.history_days() : 1;
    taken_.row_indices[field] =
        Gather(input.row_indices[field], width, samples, row_indices_[field]);
  }
  taken_.dense_features =
      Gather(input.dense_features, graph_.dense_features(), samples, dense_features_);
  taken_.labels = Gather(input.labels, graph_.tasks().size(), samples, labels_);
  taken_.scenarios = Gather(input.scenarios, 1, samples, scenarios_);
  sample_numbers_.clear();
  for (const uint32_t sample : samples) sample_numbers_.push_back(input.sample_number(sample));
  taken_.sample_numbers = sample_numbers_;
  return taken_;
}

}  // namespace caravan::model
