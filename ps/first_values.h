// First values of parameters as the model declares them: what a row or a dense chunk holds before
// its first update, on a lane, in a checkpoint reader and in the initial state alike.
#ifndef CARAVAN_PS_FIRST_VALUES_H_
#define CARAVAN_PS_FIRST_VALUES_H_

#include <cstdint>
#include <span>

#include "base/ids.h"
#include "base/initial_value.h"
#include "conf/model_spec.pb.h"
#include "net/placement.h"

namespace caravan::ps {

InitialDistribution DistributionOf(const conf::Initializer& initializer);

// weights: [chunk.size]
void FillChunk(const conf::ModelSpec& model, uint64_t seed, const net::DenseChunk& chunk,
               std::span<float> weights);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_FIRST_VALUES_H_
