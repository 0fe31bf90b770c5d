// Multi-gate mixture of experts (Ma et al., KDD 2018): k experts, and for each task a softmax gate
// over them, both seeing F, S and A.
#ifndef CARAVAN_MODEL_NETS_MMOE_H_
#define CARAVAN_MODEL_NETS_MMOE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildMmoe(const conf::Job& job, const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_MMOE_H_
