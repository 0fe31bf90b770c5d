// A run of two tasks in two scenarios, and what its scheduler would tell of it.
#ifndef CARAVAN_TESTS_LAUNCH_SMALL_RUN_H_
#define CARAVAN_TESTS_LAUNCH_SMALL_RUN_H_

#include "conf/run_spec.pb.h"
#include "scheduler/observer.h"

namespace caravan::launch {

inline conf::RunSpec SmallRun() {
  conf::RunSpec spec;
  spec.mutable_job()->set_name("small");
  spec.mutable_model();
  for (const char* task : {"clicks", "spend"}) {
    spec.mutable_job()->mutable_data()->add_tasks()->set_name(task);
    spec.mutable_schema()->add_tasks()->set_name(task);
  }
  for (const char* scenario : {"A", "B"}) {
    spec.mutable_schema()->add_scenarios(scenario);
    spec.mutable_schema()->add_scenario_names(std::string("Scenario <") + scenario + ">");
  }
  return spec;
}

inline scheduler::Progress SmallProgress(double seconds, double loss) {
  scheduler::Progress progress;
  progress.seconds = seconds;
  progress.phase = "training";
  progress.since_last.samples = 100;
  progress.since_last.batches = 10;
  progress.since_last.loss_sum = 100 * loss;
  progress.since_last.task_loss_sums = {25, 75};
  progress.since_last.staleness_sum = 30;
  progress.total.samples = 500;
  progress.batches_done = 50;
  progress.batches_total = 200;
  progress.samples_per_s = 1234;
  progress.workers_alive = 3;
  progress.resident_bytes = 1000000;
  return progress;
}

// NMAE 0.5 in three cells; the labels of the fourth sum to 0. SMAPE 0.25 in all.
inline scheduler::Evaluation SmallEvaluation(const std::string& split) {
  scheduler::Evaluation evaluation;
  evaluation.split = split;
  evaluation.epoch = 1;
  evaluation.samples = 40;
  for (uint32_t i = 0; i < 4; ++i) {
    net::CellSums cell;
    cell.set_task(i / 2);
    cell.set_scenario(i % 2);
    cell.set_samples(10);
    cell.set_absolute_error(5);
    cell.set_label(i == 3 ? 0 : 10);
    cell.set_smape(2.5);
    evaluation.cells.push_back(cell);
  }
  return evaluation;
}

}  // namespace caravan::launch

#endif  // CARAVAN_TESTS_LAUNCH_SMALL_RUN_H_
