// Where a model's parameters come from: the servers (worker/ps_client) while training, a checkpoint
// (launch/checkpoint_source) when a run is evaluated, used for predictions or exported.
#ifndef CARAVAN_WORKER_PARAMETER_SOURCE_H_
#define CARAVAN_WORKER_PARAMETER_SOURCE_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"

namespace caravan::worker {

// The unique keys of a batch, by table: ascending.
using TableKeys = std::vector<std::vector<uint64_t>>;

// Belongs to whoever pulls into it; several may be in use at once, each as new as its last pull.
struct Parameters {
  std::vector<std::vector<float>> rows;  // by table: [keys, width], in key order
  std::vector<float> dense;              // flat, ModelSpec.tensors in order; kept between calls
  // The source's own note of what `dense` holds: by ChunkId, 0 where nothing. Kept between calls.
  std::vector<uint64_t> dense_versions;
  // What `rows` and `dense` are of a run with training.weight_averaging.
  bool are_averages = false;

  // From the next pull on. What was held is of no use to it where that changes.
  void SetAverages(bool wanted) {
    if (are_averages == wanted) return;
    are_averages = wanted;
    std::ranges::fill(dense_versions, uint64_t{0});
  }
};

// Owned and called by one thread.
class ParameterSource {
 public:
  virtual ~ParameterSource() = default;
  // Fills `parameters`; dense is only brought up to date where it changed. A key without a row has
  // its initial value.
  virtual absl::Status Pull(const TableKeys& keys, Parameters& parameters) = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_PARAMETER_SOURCE_H_
