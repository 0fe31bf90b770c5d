// Predicts the samples of a split in this process, without scheduler and servers: what evaluate and
// predict do with a checkpoint.
#ifndef CARAVAN_WORKER_LOCAL_EVALUATION_H_
#define CARAVAN_WORKER_LOCAL_EVALUATION_H_

#include <functional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "data/batch.h"
#include "data/sample_reader.h"
#include "model/metrics.h"
#include "worker/parameter_source.h"

namespace caravan::worker {

struct SplitOfRun {
  const conf::RunSpec* run = nullptr;
  std::string data_directory;  // an imported folder with the run's schema
  std::string split;
};

// predictions: [B, tasks]. `reader` names the batch's entities. All die with the call.
using PredictionVisitor =
    std::function<absl::Status(const data::Batch& batch, const data::SampleReader& reader,
                               std::span<const float> predictions)>;

// Visits every sample of the split once, in the files' own order. NOT_FOUND names a split that the
// data set does not have and those that it has; ends early with what `visit` returns.
absl::Status PredictSplit(const SplitOfRun& split, ParameterSource& source,
                          const PredictionVisitor& visit);

// Sums per task and scenario over the split.
absl::StatusOr<model::Metrics> EvaluateSplit(const SplitOfRun& split, ParameterSource& source);

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_LOCAL_EVALUATION_H_
