// The state of a run as StatusReply carries it: scheduler/status.proto as JSON, every field
// present, named as in the .proto.
#ifndef CARAVAN_SCHEDULER_STATUS_H_
#define CARAVAN_SCHEDULER_STATUS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "scheduler/coordinator.h"
#include "scheduler/status.pb.h"

namespace caravan::scheduler {

// joining, training, checking_ledger, evaluating, checkpointing, stopping, finished, failed.
std::string_view PhaseName(const Coordinator& coordinator);

// What the coordinator does not know.
struct StatusContext {
  uint64_t messages_rejected = 0;
  uint64_t peers_refused = 0;  // besides the coordinator's own
  std::optional<CheckpointStatus> last_checkpoint;
  std::optional<EvaluationStatus> last_evaluation;
  std::optional<LedgerStatus> last_ledger;
};
Status MakeStatus(const Coordinator& coordinator, const StatusContext& context, Millis now);

// Plain means of NMAE and SMAPE over the cells; a cell whose labels sum to 0 has no NMAE, and one
// without samples is left out.
EvaluationStatus SummariseEvaluation(const Evaluation& evaluation);

absl::StatusOr<std::string> StatusJson(const Status& status);

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_STATUS_H_
