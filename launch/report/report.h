// report.html of a run: one self-contained page.
#ifndef CARAVAN_LAUNCH_REPORT_REPORT_H_
#define CARAVAN_LAUNCH_REPORT_REPORT_H_

#include <string>

#include "conf/run_spec.pb.h"
#include "launch/report/run_record.h"

namespace caravan::launch {

// Scores by task and scenario, curves, ledger, checkpoints and the job, as far as the record goes.
// Pure; inline style and drawings only, light or dark as the reader's browser asks.
std::string ReportHtml(const conf::RunSpec& spec, const RunRecord& record);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_REPORT_H_
