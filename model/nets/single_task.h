// One whole network a task: embeddings, encoders, two layers and head of its own, nothing shared. A
// table's row holds a row of each task's network, one behind the other, so all are trained at once
// as they would be alone.
#ifndef CARAVAN_MODEL_NETS_SINGLE_TASK_H_
#define CARAVAN_MODEL_NETS_SINGLE_TASK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildSingleTask(const conf::Job& job,
                                                       const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_SINGLE_TASK_H_
