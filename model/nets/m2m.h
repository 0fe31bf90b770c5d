// M2M (Zhang et al., WSDM 2022): multi-scenario multi-task by meta units, whose weights are
// generated from the scenario knowledge of each sample. Equation numbers are the paper's.
#ifndef CARAVAN_MODEL_NETS_M2M_H_
#define CARAVAN_MODEL_NETS_M2M_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildM2m(const conf::Job& job, const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_M2M_H_
