// Customized gate control, one level of progressive layered extraction (Tang et al., RecSys 2020):
// three shared experts and one of each task's own; a task's gate sees the shared ones and its own.
#ifndef CARAVAN_MODEL_NETS_CGC_H_
#define CARAVAN_MODEL_NETS_CGC_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildCgc(const conf::Job& job, const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_CGC_H_
