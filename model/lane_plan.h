// Which samples of a batch share generated weights. These follow from a sample's scenario and
// profile values alone, so that samples with equal values have equal weights: they are found by
// their value ids and laid in one lane of the kernels (model/kernels/kernels.h), several deep.
#ifndef CARAVAN_MODEL_LANE_PLAN_H_
#define CARAVAN_MODEL_LANE_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/kernels/kernels.h"

namespace caravan::model {

inline constexpr uint32_t kNoSample = UINT32_MAX;

struct Lanes {
  size_t count = 0;                   // a multiple of kLaneMultiple
  size_t depth = 0;                   // samples a lane at most
  std::span<const uint32_t> samples;  // [depth, count]; kNoSample where there is none
  size_t stride() const { return LaneStride(count); }
  // Lane l's weights are those of its first sample; kNoSample: an empty lane.
  uint32_t first_sample(size_t lane) const { return samples[lane]; }
};

// Owned and called by one thread. Allocates nothing after its constructor.
class LanePlan {
 public:
  explicit LanePlan(uint32_t samples_max);

  // A batch of `samples`. fields: of each attribute field the row of each sample's value, [samples]
  // each.
  void Find(uint32_t samples, std::span<const std::span<const uint32_t>> fields);

  // Distinct combinations of the batch.
  uint32_t distinct() const { return static_cast<uint32_t>(counts_.size()); }

  // A lane costs `lane_cost`, and each of the samples it has room for `sample_cost`: how deep lanes
  // are to be for the least cost.
  size_t BestDepth(double lane_cost, double sample_cost) const;
  // Of all lanes of that depth, padded.
  size_t LanesOfDepth(size_t depth) const;
  // The lanes themselves; they live until the next Arrange or Find. With one_per_sample lane l has
  // sample l alone, whatever it shares.
  Lanes Arrange(size_t depth);
  Lanes OnePerSample();

  // stride() * depth of any lanes that BestDepth leads to, at most.
  static size_t SlotsMax(uint32_t samples);

 private:
  uint32_t samples_ = 0;
  std::vector<uint32_t> row_of_;     // by sample: its combination
  std::vector<uint32_t> counts_;     // by combination: its samples
  std::vector<uint32_t> table_;      // open addressing: a sample of the combination
  std::vector<uint32_t> next_lane_;  // by combination, while arranging
  std::vector<uint32_t> filled_;
  std::vector<uint32_t> slots_;  // [depth, count] of the last arrangement
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_LANE_PLAN_H_
