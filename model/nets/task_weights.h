// What each task weighs in the loss.
#ifndef CARAVAN_MODEL_NETS_TASK_WEIGHTS_H_
#define CARAVAN_MODEL_NETS_TASK_WEIGHTS_H_

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

// Task `number` of the schema with what model.task_weight makes of it. INVALID_ARGUMENT where the
// job has no such task, or the data no figures that its weight needs.
absl::StatusOr<GraphTask> TaskOf(const conf::Job& job, const conf::Schema& schema, int number);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_TASK_WEIGHTS_H_
