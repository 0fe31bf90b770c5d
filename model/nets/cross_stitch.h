// A column a task, mixed by cross-stitch units after each of two layers (Misra et al., CVPR 2016).
#ifndef CARAVAN_MODEL_NETS_CROSS_STITCH_H_
#define CARAVAN_MODEL_NETS_CROSS_STITCH_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildCrossStitch(const conf::Job& job,
                                                        const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_CROSS_STITCH_H_
