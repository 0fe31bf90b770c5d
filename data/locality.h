// data.batch_locality: samples of a block laid so that equal scenario and profile values meet in a
// batch, and how many distinct ones batches have. Pure, but for the reading.
#ifndef CARAVAN_DATA_LOCALITY_H_
#define CARAVAN_DATA_LOCALITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "conf/schema.pb.h"
#include "data/sample_file.h"

namespace caravan::data {

// Puts samples of equal scenario and profile value ids one after another: such groups in an order
// that follows from the seed, the samples of a group in the order they had.
void GroupByAttributes(const SampleFile& file, uint64_t seed, std::vector<uint32_t>& samples);

// Distinct combinations of scenario and profile value ids in the full batches of a split, as epoch
// 1 would have them. Zeros where it has no full batch.
struct DistinctRows {
  uint64_t batches = 0;
  double mean = 0;
  uint32_t least = 0;
  uint32_t most = 0;
};
absl::StatusOr<DistinctRows> CountDistinctRows(const std::string& directory,
                                               const conf::Schema& schema, const std::string& split,
                                               const conf::BlockPlan& plan);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_LOCALITY_H_
