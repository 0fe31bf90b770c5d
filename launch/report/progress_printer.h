// Shows a run's progress where stdout leads: redrawn in place on a terminal, else a line now and
// then.
#ifndef CARAVAN_LAUNCH_REPORT_PROGRESS_PRINTER_H_
#define CARAVAN_LAUNCH_REPORT_PROGRESS_PRINTER_H_

#include <memory>
#include <string>

#include "base/clock.h"
#include "scheduler/status.pb.h"

namespace caravan::launch {

// Owned and called by one thread.
class ProgressPrinter {
 public:
  virtual ~ProgressPrinter() = default;
  // The newest state; about once a second.
  virtual void Update(const scheduler::Status& status) = 0;
  // A line that stays.
  virtual void Say(const std::string& line) = 0;
  // Progress of what has no status yet (the import): replaced by the next one on a terminal; left
  // out elsewhere unless `keep`.
  virtual void Note(const std::string& line, bool keep) = 0;
  // Leaves the last state standing.
  virtual void Finish() = 0;
};

// To stdout: live when it is a terminal.
std::unique_ptr<ProgressPrinter> MakeProgressPrinter(std::string job_name, const Clock& clock);

// Plain lines to `out`: at the first state, at a new phase, epoch, evaluation or checkpoint, every
// 15 s, and when somebody waits for long and that was not told for 15 s. `clock` and `out` outlive
// it.
std::unique_ptr<ProgressPrinter> MakePlainPrinter(const Clock& clock, std::FILE* out);
// Redraws on `out`, a terminal of `columns()` columns.
std::unique_ptr<ProgressPrinter> MakeLivePrinter(std::string job_name, std::FILE* out,
                                                 size_t (*columns)());

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_PROGRESS_PRINTER_H_
