// What metrics.jsonl tells of a run, read back for its report.
#ifndef CARAVAN_LAUNCH_REPORT_RUN_RECORD_H_
#define CARAVAN_LAUNCH_REPORT_RUN_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/schema.pb.h"
#include "launch/report/score_table.h"

namespace caravan::launch {

struct ProgressRecord {
  double seconds = 0;  // of running, resumptions put behind one another
  double batches_done = 0;
  double samples_per_s = 0;
  std::optional<double> loss;
  double workers = 0;
  double bytes_pulled = 0;
  double bytes_pushed = 0;
  double resident_bytes = 0;
};

struct EpochRecord {
  uint32_t epoch = 0;
  double seconds = 0;
  double samples = 0;
  double loss = 0;
  double staleness = 0;
  double ledger_expected = 0;
  std::vector<double> ledger;  // by shard
};

struct EvaluationRecord {
  std::string split;
  uint32_t epoch = 0;
  ScoreTable table;
};

struct CheckpointRecord {
  std::string directory;
  double seconds = 0;
};

struct RunRecord {
  uint32_t starts = 0;  // 1, and 1 more for each resumption
  std::vector<ProgressRecord> progress;
  std::vector<EpochRecord> epochs;
  std::vector<EvaluationRecord> evaluations;
  std::vector<CheckpointRecord> checkpoints;
  bool ended_well = false;  // of the last end
  std::string end_message;

  // The newest evaluation of a split; null where there is none.
  const EvaluationRecord* LastEvaluation(const std::string& split) const;
};

// A line that is cut off or not JSON is passed over: a run that was killed may leave one. NOT_FOUND
// where there is no file.
absl::StatusOr<RunRecord> LoadRunRecord(const std::string& metrics_path,
                                        const conf::Schema& schema);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_RUN_RECORD_H_
