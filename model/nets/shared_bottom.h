// One bottom for all tasks (Caruana, Machine Learning 1997): its layer sees F, S and A, and each
// task has a tower of its own on it.
#ifndef CARAVAN_MODEL_NETS_SHARED_BOTTOM_H_
#define CARAVAN_MODEL_NETS_SHARED_BOTTOM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildSharedBottom(const conf::Job& job,
                                                         const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_SHARED_BOTTOM_H_
