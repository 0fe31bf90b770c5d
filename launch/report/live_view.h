// A run's state as text for people. Pure: from the scheduler's status to lines.
#ifndef CARAVAN_LAUNCH_REPORT_LIVE_VIEW_H_
#define CARAVAN_LAUNCH_REPORT_LIVE_VIEW_H_

#include <string>
#include <string_view>
#include <vector>

#include "scheduler/status.pb.h"

namespace caravan::launch {

// The view that is redrawn in place: bars of epoch and run, speed, loss, members, traffic, memory,
// who waits for whom. No line is wider than `width` columns (at least 20 are assumed).
std::vector<std::string> LiveView(const scheduler::Status& status, std::string_view job_name,
                                  size_t width);

// Who waits for longer than 5 s, for whom and since when; none: nobody does.
std::vector<std::string> WaitLines(const scheduler::Status& status);

// The view in one line, for logs.
std::string ProgressLine(const scheduler::Status& status);

// Columns that `text` takes: its UTF-8 code points (the view uses none that is wide).
size_t Columns(std::string_view text);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_LIVE_VIEW_H_
