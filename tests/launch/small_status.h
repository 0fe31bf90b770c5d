// A run in the middle of its second epoch.
#ifndef CARAVAN_TESTS_LAUNCH_SMALL_STATUS_H_
#define CARAVAN_TESTS_LAUNCH_SMALL_STATUS_H_

#include "scheduler/status.pb.h"

namespace caravan::launch {

inline scheduler::Status SmallStatus() {
  scheduler::Status status;
  status.set_phase("training");
  status.set_epoch(1);
  status.set_epochs(3);
  status.set_split("train");
  status.set_blocks_done(41);
  status.set_blocks_leased(40);
  status.set_blocks_total(164);
  status.set_batches_done(1236);
  status.set_batches_total(2472);
  status.set_samples_per_s(3912);
  status.set_loss(0.81234);
  status.set_learning_rate_scale(0.87);
  status.set_workers_alive(39);
  status.set_workers_expected(40);
  status.set_workers_lost(1);
  status.set_servers_alive(4);
  status.set_servers_expected(4);
  status.set_staleness_mean(12.3);
  status.set_bytes_pulled(1.2e9);
  status.set_bytes_pushed(0.9e9);
  status.set_resident_bytes(3.1e9);
  status.set_elapsed_seconds(72);
  status.set_eta_seconds(150);
  status.mutable_last_checkpoint()->set_number(1);
  scheduler::EvaluationStatus& evaluation = *status.mutable_last_evaluation();
  evaluation.set_split("valid");
  evaluation.set_nmae(0.1932);
  evaluation.set_smape(0.4411);
  scheduler::MemberStatus& member = *status.add_members();
  member.set_role("worker");
  member.set_id(3);
  member.set_waiting_for("pull from lane 2 for 6.1 s");
  return status;
}

}  // namespace caravan::launch

#endif  // CARAVAN_TESTS_LAUNCH_SMALL_STATUS_H_
