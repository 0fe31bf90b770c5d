// The computing half of a simulated worker: drives worker/push_order and worker/block_reports
// without ever waiting. The counterpart of worker/compute_stage and worker/push_window.
#ifndef CARAVAN_TESTS_SIM_COMPUTING_H_
#define CARAVAN_TESTS_SIM_COMPUTING_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "base/random.h"
#include "tests/sim/fetching.h"
#include "worker/block_reports.h"
#include "worker/lane_gradients.h"
#include "worker/push_order.h"

namespace caravan::sim {

class Computing {
 public:
  // All outlive it.
  Computing(WorkerParts* parts, net::RequestClient* scheduler, net::RequestClient* lanes,
            RandomStream random);

  // Does what can be done now.
  absl::Status Turn();
  // All that was fetched is computed, acknowledged and reported.
  bool settled() const;
  std::string WaitsFor() const;

 private:
  absl::Status TurnOnce(bool& moved);
  absl::Status Push(bool& moved);
  absl::Status CollectPushes(bool& moved);
  absl::Status Report(bool& moved);
  // SYNC: the phase of the push in hand; true once it is begun.
  absl::StatusOr<bool> HasPhase();

  WorkerParts* const parts_;
  net::RequestClient* const scheduler_;
  net::RequestClient* const lanes_;
  RandomStream random_;
  const bool in_turns_;
  const size_t pushes_max_;
  worker::PushOrder order_;
  worker::BlockReports reports_;
  worker::BatchGradients gradients_;
  std::unique_ptr<FetchedBatch> batch_;  // being computed
  Millis computed_at_{0};
  bool awaits_acknowledgement_ = false;  // SYNC: of the last push
  uint64_t phase_ticket_ = 0;
  Millis phase_again_at_{0};
  bool has_phase_ = false;
  worker::PhasePause phase_pause_;
  std::map<std::pair<uint64_t, uint32_t>, uint64_t> push_tickets_;  // by (push, lane)
  std::deque<uint64_t> report_tickets_;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_COMPUTING_H_
