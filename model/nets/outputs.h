// What all nets end with: each task's number z, what stands beside the net behind it, predictions
// and losses.
#ifndef CARAVAN_MODEL_NETS_OUTPUTS_H_
#define CARAVAN_MODEL_NETS_OUTPUTS_H_

#include "absl/status/status.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

// z = w^T x + c, behind it model.wide and model.exposure_offset_*, then predictions and losses; x:
// [m, d]. Closes the graph. INVALID_ARGUMENT where these do not fit link or features.
absl::Status AddOutputs(Graph& graph, ValueId x, const conf::Job& job, const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_OUTPUTS_H_
