// Multiple relational attention (Zhao et al., KDD 2019): self-attention among feature tokens, an
// alignment attention from each task to the tokens, self-attention among the tasks.
//   tokens p_j: each sequence, the dense features and each attribute, mapped to width d
//   a_tj = v^T tanh(W [p_j | T_t] + b),   R_t = sum_j softmax_j(a_tj) p_j
#ifndef CARAVAN_MODEL_NETS_MRAN_H_
#define CARAVAN_MODEL_NETS_MRAN_H_

#include <memory>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

absl::StatusOr<std::unique_ptr<Graph>> BuildMran(const conf::Job& job, const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_MRAN_H_
