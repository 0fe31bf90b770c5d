// The last words of a run: scores, report, and where everything lies.
#ifndef CARAVAN_LAUNCH_REPORT_RUN_SUMMARY_H_
#define CARAVAN_LAUNCH_REPORT_RUN_SUMMARY_H_

#include "absl/status/status.h"
#include "conf/run_spec.pb.h"
#include "launch/run_directory.h"

namespace caravan::launch {

// Writes report.html from metrics.jsonl, and prints the newest test scores and the paths of report
// and checkpoint. OK, saying nothing, where the run ended before its scheduler wrote metrics;
// ABORTED where its last end was none of its own.
absl::Status SummariseRun(const RunDirectory& run, const conf::RunSpec& spec);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_RUN_SUMMARY_H_
