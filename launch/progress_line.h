// Progress of a command in stages: one line on stderr that renews itself on a terminal; a line
// every tenth of a stage elsewhere.
#ifndef CARAVAN_LAUNCH_PROGRESS_LINE_H_
#define CARAVAN_LAUNCH_PROGRESS_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caravan::launch {

// Owned and called by one thread.
class ProgressLine {
 public:
  ProgressLine();

  // `fraction`: of the stage, 0 to 1. `rows`: so far; nothing where the stage does not count them.
  void Show(std::string_view stage, double fraction, std::optional<uint64_t> rows);
  // Ends the line, before anything else is printed.
  void Close();

 private:
  const bool terminal_;
  bool open_ = false;
  std::string stage_;
  int percent_ = 0;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_PROGRESS_LINE_H_
