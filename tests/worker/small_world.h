// A small data set, imported, and the run of a small net on it.
#ifndef CARAVAN_TESTS_WORKER_SMALL_WORLD_H_
#define CARAVAN_TESTS_WORKER_SMALL_WORLD_H_

#include <string>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"

namespace caravan::worker {

// Writes the raw tables of 12 entities in 3 scenarios over 60 days below `folder`, imports them,
// and describes a run of 2 epochs with batches of 16 samples in blocks of at most 4 batches.
absl::StatusOr<conf::RunSpec> MakeSmallRun(const std::string& folder);

// Samples of a split.
uint64_t SamplesOf(const conf::RunSpec& run, const std::string& split);

}  // namespace caravan::worker

#endif  // CARAVAN_TESTS_WORKER_SMALL_WORLD_H_
