// From a batch's gradients to its push: clipped, checked, parted by lane.
#ifndef CARAVAN_WORKER_LANE_GRADIENTS_H_
#define CARAVAN_WORKER_LANE_GRADIENTS_H_

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "conf/model_spec.pb.h"
#include "worker/lane_map.h"
#include "worker/lane_split.h"
#include "worker/push_window.h"

namespace caravan::worker {

struct BatchGradients {
  std::vector<std::vector<float>> rows;  // by table: [keys, width], in key order
  std::vector<float> dense;              // flat, ModelSpec.tensors in order
};

// What rounding to bf16 has taken from the dense gradients pushed so far and owes to the next push
// (worker.transfer: BF16): flat as they are, zeros at first. It lives as long as its worker: what a
// worker that dies owes is lost, at most half a unit in the last place of a gradient a parameter.
using RoundingDebt = std::vector<float>;

// Fills push.lanes: one pass that copies each gradient into its lane's frame, cut to [-clip, clip]
// (0: not cut). push.tag is set by the caller. INTERNAL names the batch and the parameter (a
// table's key, or a dense tensor) where a gradient is NaN or infinite; nothing is to be pushed
// then. With `debt` dense gradients go as bf16.
absl::Status FillPush(const LaneMap& map, const conf::ModelSpec& model, const LaneSplit& split,
                      const BatchGradients& gradients, float clip, BatchPush& push,
                      RoundingDebt* debt = nullptr);

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_LANE_GRADIENTS_H_
