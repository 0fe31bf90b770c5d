// metrics.jsonl of a run: one JSON object a line, told apart by "kind". A resumed run goes on in
// the same file.
//
//   start       time, epochs, workers, servers, lanes, resumed
//   progress    time, seconds, epoch, phase, batches_done, batches_total, samples, samples_per_s,
//               loss, task_losses, staleness, workers, bytes_pulled, bytes_pushed, resident_bytes,
//               learning_rate_scale; loss and staleness of the time since the line before
//   epoch       epoch, seconds, samples, batches, loss, task_losses, staleness, ledger (by shard),
//               ledger_expected
//   evaluation  split, epoch, samples, seconds, overall {nmae, smape},
//               cells [{task, scenario, nmae, smape, samples, auc, loss, deviance}]
//   checkpoint  directory, seconds
//   end         ok, message
//
// Epochs count from 0; time is seconds since 1970. What does not exist (the NMAE of labels that sum
// to 0) is null.
#ifndef CARAVAN_LAUNCH_REPORT_METRICS_WRITER_H_
#define CARAVAN_LAUNCH_REPORT_METRICS_WRITER_H_

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "launch/report/tensorboard_writer.h"
#include "launch/run_directory.h"
#include "scheduler/observer.h"

namespace caravan::launch {

// Writes metrics.jsonl and the TensorBoard events of a run beside it. Called from the scheduler's
// thread. A line that cannot be written (a full disk) is told in the log and the run goes on.
class MetricsWriter final : public scheduler::Observer {
 public:
  static absl::StatusOr<std::unique_ptr<MetricsWriter>> Open(const RunDirectory& run,
                                                             const conf::RunSpec& spec);
  ~MetricsWriter() override;

  void OnProgress(const scheduler::Progress& progress) override;
  void OnEpoch(const scheduler::EpochSummary& epoch) override;
  void OnEvaluation(const scheduler::Evaluation& evaluation) override;
  void OnCheckpoint(const std::string& directory, double seconds) override;
  void OnRunEnd(const absl::Status& status) override;

 private:
  MetricsWriter(const conf::RunSpec& spec, std::FILE* file, std::string path,
                std::unique_ptr<TensorboardWriter> events);
  void WriteLine(const std::string& line);
  void WriteEvents(int64_t step, const std::vector<std::pair<std::string, double>>& values);
  // Says a failed write once, until one succeeds again.
  void Tell(const absl::Status& status);

  const conf::RunSpec spec_;
  std::FILE* file_;
  const std::string path_;
  std::unique_ptr<TensorboardWriter> events_;
  bool told_ = false;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_METRICS_WRITER_H_
