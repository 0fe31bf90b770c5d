// The job that is simulated: a model of a few rows and floats, a data set of a few blocks, and what
// a batch holds and its gradients are. All of it follows from the shape's seed.
#ifndef CARAVAN_TESTS_SIM_SMALL_MODEL_H_
#define CARAVAN_TESTS_SIM_SMALL_MODEL_H_

#include <cstdint>
#include <vector>

#include "conf/run_spec.pb.h"
#include "worker/lane_gradients.h"
#include "worker/parameter_source.h"

namespace caravan::sim {

struct Shape {
  uint64_t seed = 1;
  uint32_t servers = 2;
  uint32_t lanes = 1;  // a server
  uint32_t workers = 2;
  uint32_t shards = 6;
  uint32_t epochs = 2;
  uint32_t blocks = 5;
  uint32_t block_batches = 4;
  bool gradients_of_weights = false;  // gradients depend on what was pulled
};

inline constexpr uint32_t kBatchSamples = 4;
inline constexpr uint64_t kKeys = 24;  // of a table

// The shape as a run; the rest of the job is left to the caller.
conf::RunSpec MakeRunSpec(const Shape& shape);

// Samples of each training block.
std::vector<uint64_t> BlockSamples(const Shape& shape);

worker::TableKeys BatchKeys(const Shape& shape, uint32_t epoch, uint32_t block, uint32_t batch);
void BatchGradientsOf(const Shape& shape, const net::BatchTag& tag, const worker::TableKeys& keys,
                      const worker::Parameters& pulled, worker::BatchGradients& gradients);

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_SMALL_MODEL_H_
